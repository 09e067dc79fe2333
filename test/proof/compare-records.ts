// Compares what a client and a gateway said to each other with what the gateway and the server said: everything has to be
// the same, byte for byte, but for what is listed here.
import { EXCHANGE_FIELD, type Recorded } from './recorder.ts'

/** Of the connection to the client, or told anew on the next one (RFC 9110 §7.6.1); content-length says the same there. */
const OF_ONE_CONNECTION: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
])

/** Not for the server: credentials for the gateway, and words about the client that anybody can write. */
const NOT_FOR_SERVERS: ReadonlySet<string> = new Set(['authorization', 'cookie'])

/** The session id is the gateway's own on one side and the server's on the other. Which belongs to which is compared. */
const SESSION_ID = 'mcp-session-id'
/** RFC 9110 §7.6.3: the gateway adds itself, at the end of the request. */
const OWN_VIA = /^via: 1\.1 sallyport-[0-9a-f]{8}$/
/** For proxies before the gateway: added to event streams that do not have it. */
const UNBUFFERED = 'x-accel-buffering: no'
/** RFC 9110 §6.6.1: who forwards an answer without the time of its origin adds the time at which it came. */
const DATED = /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/
/** Of the gateway's own question which era a server speaks. */
const PROBE_ID = '"sallyport-era"'

export interface Sides {
  readonly client: readonly Recorded[]
  readonly server: readonly Recorded[]
}

export interface Comparison {
  /** Exchanges that were found on both sides. */
  readonly pairs: number
  /** What differs; empty when the gateway is transparent. */
  readonly differences: readonly string[]
  /** Exchanges that the gateway answered by itself: `method status code`. */
  readonly ownAnswers: readonly string[]
  /** Questions that the gateway asked the server of its own accord. */
  readonly probes: number
}

export function compare({ client, server }: Sides): Comparison {
  const byNumber = Map.groupBy(server, numberOf)
  const differences: string[] = []
  const ownAnswers: string[] = []
  const sessions = new SessionIds(differences)
  let pairs = 0
  let probes = 0
  for (const near of client) {
    const all = byNumber.get(numberOf(near)) ?? []
    byNumber.delete(numberOf(near))
    const isProbe = ({ requestBody }: Recorded): boolean => requestBody.includes(PROBE_ID)
    probes += all.filter(isProbe).length
    const [far, ...more] = all.filter((it) => !isProbe(it))
    if (more.length > 0) differences.push(`${titleOf(near)}: sent ${more.length + 1} times`)
    if (far === undefined) ownAnswers.push(ownAnswer(near))
    else {
      pairs++
      comparePair(near, far, (what) => differences.push(`${titleOf(near)}: ${what}`))
      sessions.note(near, far)
    }
  }
  for (const left of byNumber.values()) {
    for (const it of left) differences.push(`${titleOf(it)}: nobody asked for it`)
  }
  return { pairs, differences, ownAnswers, probes }
}

function comparePair(near: Recorded, far: Recorded, differ: (what: string) => void): void {
  if (near.method !== far.method) differ(`method ${far.method}`)
  if (near.path !== far.path) differ(`path ${far.path}`)
  if (!near.requestBody.equals(far.requestBody)) differ('the request’s body')
  compareFields(
    'request',
    fieldsOf(near.requestHeaders, NOT_FOR_SERVERS),
    withoutOwnVia(fieldsOf(far.requestHeaders, new Set())),
    differ,
  )
  // A client that left early has seen a part of what the server sent, perhaps nothing.
  if (near.status === 0) return
  if (near.status !== far.status) differ(`status ${far.status} became ${near.status}`)
  compareFields('answer', fieldsOf(far.answerHeaders, new Set()), withoutAdded(near, far), differ)
  if (near.isWhole && far.isWhole) {
    if (!near.answerBody.equals(far.answerBody)) differ('the answer’s body')
  } else if (!far.answerBody.subarray(0, near.answerBody.length).equals(near.answerBody)) {
    differ('the part of the answer’s body that came')
  }
  const [nearLength, farLength] = [near, far].map((it) =>
    fieldOf(it.answerHeaders, 'content-length'),
  )
  if (nearLength !== farLength) differ(`content-length ${farLength} became ${nearLength}`)
}

function compareFields(
  of: string,
  before: readonly string[],
  after: readonly string[],
  differ: (what: string) => void,
): void {
  const [was, is] = [before.join('\n'), after.join('\n')]
  if (was !== is) differ(`fields of the ${of}:\n${was}\n--- became\n${is}`)
}

/** `Name: value` in order and spelling, without those that differ by right. */
function fieldsOf(raw: readonly string[], without: ReadonlySet<string>): string[] {
  const fields: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const [name = '', value = ''] = raw.slice(at, at + 2)
    const key = name.toLowerCase()
    if (OF_ONE_CONNECTION.has(key) || without.has(key) || key === SESSION_ID) continue
    fields.push(`${name}: ${value}`)
  }
  return fields
}

/** Only the session's id comes after it, which is not in the list. */
function withoutOwnVia(fields: readonly string[]): readonly string[] {
  return OWN_VIA.test(fields.at(-1) ?? '') ? fields.slice(0, -1) : [...fields, '(no via)']
}

/** The answer's fields as the client saw them, without what the gateway may add at the end. */
function withoutAdded(near: Recorded, far: Recorded): readonly string[] {
  const fields = fieldsOf(near.answerHeaders, new Set())
  const isMissing = (name: string): boolean => fieldOf(far.answerHeaders, name) === undefined
  if (isMissing('date') && DATED.test(fields.at(-1) ?? '')) fields.pop()
  const isStream = fieldOf(far.answerHeaders, 'content-type')?.startsWith('text/event-stream')
  if (isStream === true && isMissing('x-accel-buffering') && fields.at(-1) === UNBUFFERED) {
    fields.pop()
  }
  return fields
}

/** Each of the gateway's ids stands for one of the server's, and the other way round. */
class SessionIds {
  readonly #differences: string[]
  readonly #serversOwn = new Map<string, string>()
  readonly #sealed = new Map<string, string>()

  constructor(differences: string[]) {
    this.#differences = differences
  }

  note(near: Recorded, far: Recorded): void {
    this.#match(
      near,
      fieldOf(near.answerHeaders, SESSION_ID),
      fieldOf(far.answerHeaders, SESSION_ID),
    )
    this.#match(
      near,
      fieldOf(near.requestHeaders, SESSION_ID),
      fieldOf(far.requestHeaders, SESSION_ID),
    )
  }

  #match(near: Recorded, sealed: string | undefined, own: string | undefined): void {
    if (sealed === undefined && own === undefined) return
    const isPair =
      sealed !== undefined &&
      own !== undefined &&
      sealed !== own &&
      (this.#serversOwn.get(sealed) ?? own) === own &&
      (this.#sealed.get(own) ?? sealed) === sealed
    if (!isPair) this.#differences.push(`${titleOf(near)}: session ${sealed} stands for ${own}`)
    else {
      this.#serversOwn.set(sealed, own)
      this.#sealed.set(own, sealed)
    }
  }
}

function ownAnswer({ method, status, answerBody }: Recorded): string {
  const code = /"code":"(GW_\w+)"/.exec(answerBody.toString())?.[1]
  return `${method} ${status} ${code}`
}

function titleOf({ method, requestHeaders, requestBody, status }: Recorded): string {
  const rpc = /"method":"([^"]+)"/.exec(requestBody.toString())?.[1]
  return `#${fieldOf(requestHeaders, EXCHANGE_FIELD)} ${method} ${rpc ?? ''} ${status}`
}

const numberOf = ({ requestHeaders }: Recorded): string | undefined =>
  fieldOf(requestHeaders, EXCHANGE_FIELD)

function fieldOf(raw: readonly string[], name: string): string | undefined {
  const at = raw.findIndex((it, place) => place % 2 === 0 && it.toLowerCase() === name)
  return at === -1 ? undefined : raw[at + 1]
}
