// One place from which calls are made, one after the other, each driven through everything that can happen to a call: what
// its client has to hear, and what its server, is known before it comes.
import type { IncomingMessage } from 'node:http'
import { createParser } from 'eventsource-parser'
import { expect } from 'vitest'
import { META } from '../../src/wire/index.ts'
import { legacyMessage, modernRequest, type PostedMessage } from '../support/mcp-messages.ts'
import { elicitation, type DrivenServer } from './driven-servers.ts'
import { askable, type RawCaller } from './raw-caller.ts'

const WITHIN_MS = 15_000

type Json = Readonly<Record<string, unknown>>

/** Who calls what: two callers of each era, each with one server of the other era, and with both servers as one. */
export const PLACES = [
  { era: 'modern', path: '/old', tool: 'tool', server: 'old' },
  { era: 'legacy', path: '/new', tool: 'tool', server: 'new' },
  { era: 'modern', path: '/both', tool: 'old_tool', server: 'old' },
  { era: 'modern', path: '/both', tool: 'new_tool', server: 'new' },
  { era: 'legacy', path: '/both', tool: 'old_tool', server: 'old' },
  { era: 'legacy', path: '/both', tool: 'new_tool', server: 'new' },
] as const
export type Place = (typeof PLACES)[number]

/** A client's two calls at a time: ids and tokens that only their types tell apart. */
const IDS = [7, '7'] as const
const TOKENS = [1, '1'] as const

export const ACTS = ['progress', 'log', 'ask', 'finish', 'cancel'] as const
export type Act = (typeof ACTS)[number]

function expectSame(seen: unknown, right: unknown): void {
  expect(seen).toEqual(right)
}

/** Wakes whoever waits, whenever anything has come anywhere. */
export class Changes {
  #wake: (() => void)[] = []

  readonly tell = (): void => {
    for (const wake of this.#wake.splice(0)) wake()
  }

  async until(isTrue: () => boolean, what: () => string): Promise<void> {
    const deadline = performance.now() + WITHIN_MS
    while (!isTrue()) {
      if (performance.now() > deadline) throw new Error(`in vain: ${what()}`)
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve)
        setTimeout(resolve, 1_000)
      })
    }
  }
}

/** One client's calls on one route, one after the other, and what it heard of each. */
export class Slot {
  readonly place: Place
  readonly #caller: RawCaller
  readonly #url: string
  readonly #server: DrivenServer
  readonly #changes: Changes
  readonly #at: 0 | 1
  readonly #session: string | undefined
  #label = ''
  #state: 'idle' | 'open' | 'asked' = 'idle'
  #steps = 0
  #asked = 0
  #heard: Json[] = []
  #expected: Json[] = []
  #leave = new AbortController()

  constructor(place: Place, at: 0 | 1, { caller, url, server, changes, session }: SlotParts) {
    this.place = place
    this.#at = at
    this.#caller = caller
    this.#url = url
    this.#server = server
    this.#changes = changes
    this.#session = session
  }

  /** The next thing that happens in this slot. Resolves once it has reached whom it was for. */
  act(act: Act, label: string): Promise<void> {
    if (this.#state === 'idle') return this.#begin(label)
    if (this.#state === 'asked') return this.#answer()
    if (act === 'finish') return this.#finish()
    if (act === 'cancel') return this.#cancel()
    return act === 'ask' ? this.#ask() : this.#tell(act)
  }

  async end(): Promise<void> {
    if (this.#state === 'asked') await this.#answer()
    if (this.#state === 'open') await this.#finish()
  }

  async #begin(label: string): Promise<void> {
    this.#label = label
    this.#heard = []
    this.#expected = []
    this.#steps = 0
    this.#asked = 0
    this.#state = 'open'
    this.#post({})
    await this.#until(() => this.#call !== undefined, 'the call at its server')
  }

  async #tell(act: 'progress' | 'log'): Promise<void> {
    this.#steps++
    this.#call?.[act](this.#steps)
    const [method, params] =
      act === 'progress'
        ? [
            'notifications/progress',
            { progressToken: TOKENS[this.#at], progress: this.#steps, message: this.#label },
          ]
        : ['notifications/message', { level: 'error', data: `${this.#label} ${this.#steps}` }]
    await this.#hear({ jsonrpc: '2.0', method, params })
  }

  async #ask(): Promise<void> {
    this.#state = 'asked'
    this.#asked++
    this.#call?.ask()
    const params = elicitation(this.#label)
    const method = 'elicitation/create'
    if (this.place.era === 'legacy') {
      await this.#hear({ jsonrpc: '2.0', id: expect.anything(), method, params })
      return
    }
    const inputRequests = this.#heardRequests()
    await this.#hear({
      jsonrpc: '2.0',
      id: IDS[this.#at],
      result: expect.objectContaining({ resultType: 'input_required', inputRequests }),
    })
  }

  /** One question, under whatever key. */
  #heardRequests(): unknown {
    const asked = { method: 'elicitation/create', params: elicitation(this.#label) }
    return expect.toSatisfy(
      (requests: Json) => JSON.stringify(Object.values(requests)) === JSON.stringify([asked]),
    )
  }

  async #answer(): Promise<void> {
    this.#state = 'open'
    const result = { action: 'accept', content: { label: this.#label } }
    const last = this.#heard.at(-1) ?? {}
    if (this.place.era === 'legacy') {
      const reply = legacyMessage({ id: last['id'], result }, this.#session)
      expectSame((await this.#caller.send(this.#url, reply)).status, 202)
    } else {
      const { requestState, inputRequests } = last['result'] as Json
      const [key = ''] = Object.keys(inputRequests as Json)
      this.#post({ requestState, inputResponses: { [key]: result } })
    }
    await this.#until(() => this.#call?.answers.length === this.#asked, 'the answer at the server')
    expectSame(this.#call?.answers.at(-1), this.#label)
  }

  async #finish(): Promise<void> {
    this.#call?.finish()
    const content = [{ type: 'text', text: this.#label }]
    const result = this.place.era === 'modern' ? expect.objectContaining({ content }) : { content }
    await this.#hear({ jsonrpc: '2.0', id: IDS[this.#at], result })
    expectSame(this.#call?.isCancelled, false)
    this.#state = 'idle'
  }

  async #cancel(): Promise<void> {
    if (this.place.era === 'modern') this.#leave.abort()
    else {
      const params = { requestId: IDS[this.#at] }
      const notice = legacyMessage({ method: 'notifications/cancelled', params }, this.#session)
      await this.#caller.send(this.#url, notice)
    }
    await this.#until(() => this.#call?.isCancelled === true, 'the cancellation at the server')
    this.#leave.abort()
    expectSame(this.#heard, this.#expected)
    this.#state = 'idle'
  }

  get #call() {
    return this.#server.calls.get(this.#label)
  }

  async #hear(message: Json): Promise<void> {
    this.#expected.push(message)
    await this.#until(() => this.#heard.length >= this.#expected.length, JSON.stringify(message))
    expectSame(this.#heard, this.#expected)
  }

  #until(isTrue: () => boolean, what: string): Promise<void> {
    return this.#changes.until(
      isTrue,
      () => `${this.#label}: ${what}; heard ${JSON.stringify(this.#heard)}`,
    )
  }

  #post(more: Json): void {
    const { era, tool: name } = this.place
    const id = IDS[this.#at]
    const logLevel = era === 'modern' ? { [META.logLevel]: 'debug' } : {}
    const _meta = { progressToken: TOKENS[this.#at], ...logLevel }
    const params = { name, arguments: { label: this.#label }, _meta, ...more }
    const message: PostedMessage =
      era === 'modern'
        ? askable(modernRequest('tools/call', params, id), { elicitation: { form: {} } })
        : legacyMessage({ id, method: 'tools/call', params }, this.#session)
    const label = this.#label
    const take = (data: string): void => {
      if (label === this.#label && data !== '') this.#heard.push(JSON.parse(data) as Json)
      this.#changes.tell()
    }
    this.#leave = new AbortController()
    void this.#caller.open(this.#url, message, this.#leave.signal).then(
      (response) => read(response, take),
      // The client itself has left.
      () => {},
    )
  }
}

export interface SlotParts {
  readonly caller: RawCaller
  readonly url: string
  readonly server: DrivenServer
  readonly changes: Changes
  readonly session: string | undefined
}

function read(response: IncomingMessage, take: (data: string) => void): void {
  response.setEncoding('utf8').on('error', () => {})
  if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
    const parser = createParser({ onEvent: ({ data }) => take(data) })
    response.on('data', (text: string) => parser.feed(text))
    return
  }
  let body = ''
  response.on('data', (text: string) => (body += text))
  response.on('end', () => take(body))
}
