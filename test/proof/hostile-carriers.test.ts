// What clients carry for the gateway, in hostile hands: session ids, cursors of merged lists, and the state between a question
// and its answer. Tampered with, used for something else, by somebody else, again, or too late: always the documented
// refusal, and nothing reaches a server.
import { describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../../src/core/index.ts'
import { httpEndpoint, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { initialize, legacyMessage, modernRequest } from '../support/mcp-messages.ts'
import { testAuthority } from '../support/pki.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { startLegacyOnly, startModernOnly } from './one-era-servers.ts'
import { askable, lastMessage, RawCaller, type Answered } from './raw-caller.ts'
import { changesOf } from './tampering.ts'

const INVALID_PARAMS = -32_602
const HOUR_MS = 3_600_000

/** The real clock, which can be set. */
function settableClock(): Clock & { skip(ms: number): void } {
  let skippedMs = 0
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + skippedMs,
    skip: (ms) => (skippedMs += ms),
  }
}

async function startAll() {
  const authority = testAuthority('Clients')
  const leaf = authority.issue()
  const tls = serverTlsOptions(leaf, { clientAuth: 'verify', clientCaFile: authority.certFile })
  const servers = [await startLegacyOnly(), await startModernOnly()] as const
  const [legacy, modern] = servers
  const clock = settableClock()
  const start = (key: string): Promise<TestGateway> =>
    startTestGateway({
      servers: {
        old: [httpEndpoint(legacy.url)],
        again: [httpEndpoint(legacy.url)],
        new: [httpEndpoint(modern.url)],
      },
      routes: { '/both': ['old', 'new'] },
      catalog: { pageSize: 1 },
      healthIntervalMs: 600_000,
      listener: { tls },
      overrides: { sessions: { keys: [key] } },
      dependencies: { clock },
    })
  const caller = (commonName: string): RawCaller => {
    const { cert, key } = authority.issue({ commonName, purpose: 'clientAuth' })
    return new RawCaller('127.0.0.1', 16, { ca: authority.cert, cert, key })
  }
  const KEY = 'a session key for tests, long enough'
  return {
    legacy,
    modern,
    clock,
    url: (await start(KEY)).url,
    /** Of another gateway with the same key. */
    replica: async () => (await start(KEY)).url,
    /** Of one with another key. */
    stranger: async () => (await start('another key for tests, long enough')).url,
    ada: caller('ada'),
    eve: caller('eve'),
    /** Requests that have reached a server so far. */
    reached: () => legacy.tally.requests + modern.tally.requests,
  }
}

type All = Awaited<ReturnType<typeof startAll>>

/** Something that a client carries: how it gets one, and how it uses one. */
interface Carrier {
  readonly name: string
  readonly get: (caller: RawCaller, url: string) => Promise<string>
  readonly use: (caller: RawCaller, url: string, value: string, index: number) => Promise<Answered>
  readonly refusal: 'session not found' | 'invalid params'
}

const VERBS = ['POST', 'GET', 'DELETE'] as const

const session = (name: string, path: string): Carrier => ({
  name,
  refusal: 'session not found',
  get: async (caller, url) => {
    const { headers, body } = await caller.send(url + path, initialize())
    const id = headers['mcp-session-id']
    if (typeof id !== 'string') throw new Error(`no session: ${body}`)
    await caller.send(url + path, legacyMessage({ method: 'notifications/initialized' }, id))
    return id
  },
  use: (caller, url, value, index) => {
    const method = VERBS[index % VERBS.length] ?? 'POST'
    const accept = 'text/event-stream'
    if (method !== 'POST') {
      return caller.send(url + path, { method, headers: { accept, 'mcp-session-id': value } })
    }
    return caller.send(url + path, legacyMessage({ id: 1, method: 'tools/list' }, value))
  },
})

const cursorOf = (method: string): Carrier => ({
  name: `a cursor of ${method}`,
  refusal: 'invalid params',
  get: async (caller, url) => {
    const { body } = await caller.send(`${url}/both`, modernRequest(method))
    const { nextCursor } = (lastMessage(body)['result'] ?? {}) as { nextCursor?: string }
    if (nextCursor === undefined) throw new Error(`no cursor: ${body}`)
    return nextCursor
  },
  use: (caller, url, cursor) => caller.send(`${url}/both`, modernRequest(method, { cursor })),
})

const CAN_ANSWER = { elicitation: { form: {} } }
const question = (name: string, more: object = {}) =>
  askable(modernRequest('tools/call', { name, arguments: { text: 'a' }, ...more }), CAN_ANSWER)
const ACCEPTED = { action: 'accept', content: {} }

const stateOf = (path: string, tool: string): Carrier => ({
  name: `requestState, ${path}`,
  refusal: 'invalid params',
  get: async (caller, url) => {
    const { body } = await caller.send(url + path, question(tool))
    const { requestState } = (lastMessage(body)['result'] ?? {}) as { requestState?: string }
    if (requestState === undefined) throw new Error(`no state: ${body}`)
    return requestState
  },
  use: (caller, url, requestState) => {
    const inputResponses = { 'elicitation-1': ACCEPTED }
    return caller.send(url + path, question(tool, { requestState, inputResponses }))
  },
})

const STRAIGHT = session('a session id of the straight lane', '/old')
const HELD = session('a session id that the gateway holds', '/new')
const MERGED = session('a session id of a merged route', '/both')
const TOOLS = cursorOf('tools/list')
const RESOURCES = cursorOf('resources/list')
const STATE = stateOf('/old', 'ask')
const MERGED_STATE = stateOf('/both', 'old_ask')

const CARRIERS = [STRAIGHT, HELD, MERGED, TOOLS, RESOURCES, STATE, MERGED_STATE]

/** A state is about a call of a server, which is the same on every route that leads there. */
const isSameThing = (one: Carrier, other: Carrier): boolean =>
  one === other || [one, other].every((it) => it === STATE || it === MERGED_STATE)

/** The documented refusal. `how`: so that a failure says what got through. */
function expectRefused({ refusal }: Carrier, { status, body }: Answered, how: string): void {
  const { error } = lastMessage(body) as { error?: { code: number; data?: { code?: string } } }
  const isSession = refusal === 'session not found'
  const seen = isSession ? error?.data?.code : error?.code
  const right = isSession ? [404, 'GW_SESSION_NOT_FOUND'] : [200, INVALID_PARAMS]
  expect([status, seen, how]).toEqual([...right, how])
}

describe.each(CARRIERS)('$name', (carrier) => {
  it('is refused with any change', async () => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    const before = all.reached()
    let index = 0
    for (const [how, changed] of changesOf(value)) {
      if (changed === value) continue
      expectRefused(carrier, await carrier.use(all.ada, all.url, changed, index++), how)
    }
    expect(index).toBeGreaterThan(600)
    expect(all.reached()).toBe(before)
    expect(outcomeOf(await carrier.use(all.ada, all.url, value, 0))).toBe('taken')
  })

  it('is refused from another caller', async () => {
    const all = await startAll()
    // So that it is not for want of a session with the server that it fails.
    await carrier.get(all.eve, all.url)
    const value = await carrier.get(all.ada, all.url)
    const before = all.reached()
    for (let index = 0; index < VERBS.length; index++) {
      expectRefused(carrier, await carrier.use(all.eve, all.url, value, index), 'by eve')
    }
    expect(all.reached()).toBe(before)
    expect(outcomeOf(await carrier.use(all.ada, all.url, value, 0))).toBe('taken')
  })

  it('is refused from a gateway with another key', async () => {
    const all = await startAll()
    const foreign = await carrier.get(all.ada, await all.stranger())
    await carrier.get(all.ada, all.url)
    const before = all.reached()
    for (let index = 0; index < VERBS.length; index++) {
      expectRefused(carrier, await carrier.use(all.ada, all.url, foreign, index), 'foreign')
    }
    expect(all.reached()).toBe(before)
  })

  it.each(CARRIERS.filter((other) => !isSameThing(carrier, other)))(
    'is refused in place of $name',
    async (other) => {
      const all = await startAll()
      const value = await carrier.get(all.ada, all.url)
      await other.get(all.ada, all.url)
      const before = all.reached()
      for (let index = 0; index < VERBS.length; index++) {
        expectRefused(other, await other.use(all.ada, all.url, value, index), carrier.name)
      }
      expect(all.reached()).toBe(before)
    },
  )
})

function outcomeOf({ status, body }: Answered): string {
  const { error } = lastMessage(body)
  return status === 200 && body !== '' && error === undefined ? 'taken' : `${status} ${body}`
}

describe('a session id', () => {
  it('of the straight lane is good at every gateway with the key', async () => {
    const all = await startAll()
    const value = await STRAIGHT.get(all.ada, all.url)
    expect(outcomeOf(await STRAIGHT.use(all.ada, await all.replica(), value, 0))).toBe('taken')
  })

  it.each([
    ['another server', '/again', STRAIGHT],
    ['another route', '/both', HELD],
    ['another route', '/new', MERGED],
  ] as const)('is refused on %s, %s', async (_, path, carrier) => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    await session('', path).get(all.ada, all.url)
    const before = all.reached()
    for (let index = 0; index < VERBS.length; index++) {
      const answered = await session('', path).use(all.ada, all.url, value, index)
      expectRefused(carrier, answered, path)
    }
    expect(all.reached()).toBe(before)
  })

  it.each([STRAIGHT, HELD, MERGED])('is refused once it has ended ($name)', async (carrier) => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    const ended = await carrier.use(all.ada, all.url, value, VERBS.indexOf('DELETE'))
    expect(ended.status).toBe(200)
    for (const [index, verb] of VERBS.entries()) {
      const { status } = await carrier.use(all.ada, all.url, value, index)
      expect([verb, status]).toEqual([verb, 404])
    }
  })
})

const NONE: Readonly<Record<string, unknown>> = {
  'a number': 5,
  'a boolean': true,
  'an object': {},
  'a list': [],
  'a list of texts': ['a'],
  'an empty text': '',
  'a long text': 'x'.repeat(100_000),
  'a number as text': '1',
  'a text beyond ASCII': '💥',
}

describe('a cursor', () => {
  it.each([TOOLS, RESOURCES])('is refused after an hour ($name)', async (carrier) => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    all.clock.skip(HOUR_MS - 60_000)
    expect(outcomeOf(await carrier.use(all.ada, all.url, value, 0))).toBe('taken')
    all.clock.skip(120_000)
    const before = all.reached()
    expectRefused(carrier, await carrier.use(all.ada, all.url, value, 0), 'an hour later')
    expect(all.reached()).toBe(before)
  })

  it.each([...Object.entries(NONE), ['a character that is no text', '\0']])(
    'is refused when it is none: %s',
    async (_, cursor) => {
      const all = await startAll()
      await TOOLS.get(all.ada, all.url)
      const before = all.reached()
      const answered = await all.ada.send(
        `${all.url}/both`,
        modernRequest('tools/list', { cursor }),
      )
      expectRefused(TOOLS, answered, 'no cursor')
      expect(all.reached()).toBe(before)
    },
  )

  it('is good for a client of the other era, of the same caller, and refused with a change', async () => {
    const all = await startAll()
    const cursor = await TOOLS.get(all.ada, all.url)
    const id = await MERGED.get(all.ada, all.url)
    const list = (params: object): Promise<Answered> =>
      all.ada.send(`${all.url}/both`, legacyMessage({ id: 1, method: 'tools/list', params }, id))
    expect(outcomeOf(await list({ cursor }))).toBe('taken')
    expectRefused(TOOLS, await list({ cursor: `${cursor}A` }), 'longer')
  })
})

it('a state is good on every route to its server', async () => {
  const all = await startAll()
  const value = await STATE.get(all.ada, all.url)
  expect(outcomeOf(await MERGED_STATE.use(all.ada, all.url, value, 0))).toBe('taken')
})

describe.each([STATE, MERGED_STATE])('$name', { timeout: 20_000 }, (carrier) => {
  const [path, tool] = carrier === STATE ? ['/old', 'ask'] : ['/both', 'old_ask']
  const send = (all: All, message: ReturnType<typeof question>): Promise<Answered> =>
    all.ada.send(all.url + path, message)

  it('is good once', async () => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    expect(outcomeOf(await carrier.use(all.ada, all.url, value, 0))).toBe('taken')
    const before = all.reached()
    const [first, second] = await Promise.all([
      carrier.use(all.ada, all.url, value, 0),
      carrier.use(all.ada, all.url, value, 0),
    ])
    expectRefused(carrier, first, 'again')
    expectRefused(carrier, second, 'again, at the same time')
    expect(all.reached()).toBe(before)
    expect(all.legacy.tally.answers).toBe(1)
  })

  it('is good once when two come at the same time', async () => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    const both = await Promise.all([0, 1].map(() => carrier.use(all.ada, all.url, value, 0)))
    const refused = both.filter(({ body }) => lastMessage(body)['error'] !== undefined)
    expect(refused).toHaveLength(1)
    for (const answered of refused) expectRefused(carrier, answered, 'second')
    expect(all.legacy.tally.answers).toBe(1)
  })

  it('is refused for another request', async () => {
    const all = await startAll()
    const requestState = await carrier.get(all.ada, all.url)
    const before = all.reached()
    const inputResponses = { 'elicitation-1': ACCEPTED }
    const retry = { requestState, inputResponses }
    const others = [
      question(tool, { ...retry, arguments: { text: 'b' } }),
      question(tool, { ...retry, arguments: {} }),
      question(tool, { ...retry, more: 1 }),
      question(tool.replace('ask', 'echo'), retry),
    ]
    for (const other of others) expectRefused(carrier, await send(all, other), other.body)
    expect(all.reached()).toBe(before)
    expect(outcomeOf(await send(all, question(tool, retry)))).toBe('taken')
  })

  it('is refused when it is too old', async () => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    all.clock.skip(600_000)
    const before = all.reached()
    expectRefused(carrier, await carrier.use(all.ada, all.url, value, 0), 'ten minutes later')
    expect(all.reached()).toBe(before)
  })

  it('is refused by another gateway with the same key, which does not have the call', async () => {
    const all = await startAll()
    const value = await carrier.get(all.ada, all.url)
    const replica = await all.replica()
    await carrier.get(all.ada, replica)
    const before = all.reached()
    expectRefused(carrier, await carrier.use(all.ada, replica, value, 0), 'replica')
    expect(all.reached()).toBe(before)
  })

  it.each(Object.entries(NONE))('is refused when it is none: %s', async (_, requestState) => {
    const all = await startAll()
    await carrier.get(all.ada, all.url)
    const before = all.reached()
    expectRefused(carrier, await send(all, question(tool, { requestState })), 'no state')
    expect(all.reached()).toBe(before)
  })
})
