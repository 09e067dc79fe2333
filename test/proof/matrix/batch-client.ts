// A client of protocol version 2025-03-26 that sends every message in a batch, as no SDK does any more: written by hand.
import { setTimeout as pause } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import {
  ANSWERS,
  breakableFetch,
  type CallOptions,
  type ClientKind,
  type MatrixClient,
} from './client.ts'

const VERSION = '2025-03-26'
/** When a client comes back that was not told when. */
const RETRY_MS = 100
/** A server that does not know yet that the stream is lost refuses the client that comes back for it. */
const MAX_COMEBACKS = 10
const CONFLICT = 409

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

/** How far a stream was read, and when to come back for the rest. */
interface Place {
  readonly lastEventId: string | undefined
  readonly retryMs: number
}

const UNREAD: Place = { lastEventId: undefined, retryMs: RETRY_MS }

export const batchClient: ClientKind = {
  title: 'batches of 2025-03-26',
  era: 'legacy',
  transport: 'Streamable HTTP',
  connect: async (url) => {
    const client = new BatchClient(url)
    await client.open()
    return client
  },
}

class BatchClient implements MatrixClient {
  readonly #url: string
  readonly #left = new AbortController()
  readonly #breakable = breakableFetch()
  readonly #waiting = new Map<string | number, (answer: Message) => void>()
  readonly #progress = new Map<string | number, (progress: number) => void>()
  readonly #heard = new Map<string, (params: Record<string, unknown>) => void>()
  #session: string | undefined
  #nextId = 1

  constructor(url: string) {
    this.#url = url
  }

  async open(): Promise<void> {
    const id = this.#nextId++
    const capabilities = { sampling: {}, elicitation: {}, roots: {} }
    const clientInfo = { name: 'matrix-batch', version: '1.0.0' }
    // "The JSON-RPC initialize request MUST NOT be part of a batch" (MCP 2025-03-26 lifecycle).
    const params = { protocolVersion: VERSION, capabilities, clientInfo }
    const { result } = await this.#ask(id, { id, method: 'initialize', params })
    if (result?.['protocolVersion'] !== VERSION) throw new Error('batches were not agreed on')
    await this.#post([{ method: 'notifications/initialized' }])
    const stream = await this.#get()
    if (stream.ok) void this.#read(stream).catch(() => undefined)
  }

  async listTools(): Promise<readonly string[]> {
    const { tools } = await this.#request('tools/list', {})
    return (tools as { name: string }[]).map(({ name }) => name)
  }

  async call(name: string, args: Record<string, unknown> = {}, options: CallOptions = {}) {
    const { content, isError } = await this.#request(
      'tools/call',
      { name, arguments: args },
      options,
    )
    const [first] = content as { text?: string }[]
    return { text: first?.text ?? '', isError: isError === true }
  }

  async readResource(uri: string): Promise<string> {
    const { contents } = await this.#request('resources/read', { uri })
    return String((contents as { text?: string }[])[0]?.text)
  }

  async complete(prompt: string, name: string, value: string): Promise<readonly string[]> {
    const ref = { type: 'ref/prompt', name: prompt }
    const { completion } = await this.#request('completion/complete', {
      ref,
      argument: { name, value },
    })
    return (completion as { values: string[] }).values
  }

  async hearLogs(level: string, onLog: (data: unknown) => void): Promise<void> {
    this.#heard.set('notifications/message', ({ data }) => onLog(data))
    await this.#request('logging/setLevel', { level })
  }

  async subscribe(uri: string, onUpdated: (uri: string) => void): Promise<void> {
    this.#heard.set('notifications/resources/updated', (params) => onUpdated(String(params['uri'])))
    await this.#request('resources/subscribe', { uri })
  }

  breakNextStream(): () => boolean {
    return this.#breakable.breakNext()
  }

  async close(): Promise<void> {
    await fetch(this.#url, { method: 'DELETE', headers: this.#headers() })
    this.#left.abort()
  }

  async #request(method: string, params: Record<string, unknown>, options: CallOptions = {}) {
    const id = this.#nextId++
    const { signal, onProgress } = options
    if (onProgress !== undefined) this.#progress.set(id, onProgress)
    const meta = onProgress === undefined ? {} : { _meta: { progressToken: id } }
    // A ping beside it makes it a batch of two.
    const batch = [
      { id, method, params: { ...params, ...meta } },
      { id: `ping-${id}`, method: 'ping' },
    ]
    const cancelled = Promise.withResolvers<never>()
    signal?.addEventListener('abort', () => {
      this.#waiting.delete(id)
      void this.#post([
        { method: 'notifications/cancelled', params: { requestId: id, reason: 'enough' } },
      ])
      cancelled.reject(new Error(String(signal.reason)))
    })
    const { result, error } = await Promise.race([this.#ask(id, batch), cancelled.promise])
    if (error !== undefined) throw new Error(`${error.code} ${error.message}`)
    return result ?? {}
  }

  async #ask(id: string | number, messages: Message | readonly Message[]): Promise<Message> {
    const answer = Promise.withResolvers<Message>()
    this.#waiting.set(id, answer.resolve)
    void this.#follow(id, messages).catch(answer.reject)
    return answer.promise
  }

  /**
   * Reads the answer over as many streams as it takes: after a break a GET with the last event's id brings the rest
   * (MCP 2025-03-26 transports §Resumability and Redelivery).
   */
  async #follow(id: string | number, messages: Message | readonly Message[]): Promise<void> {
    let place = await this.#post(messages)
    for (let comebacks = 0; this.#waiting.has(id); comebacks += 1) {
      const { lastEventId, retryMs } = place
      if (lastEventId === undefined) throw new Error('the answer ended early')
      await pause(retryMs)
      const rest = await this.#get({ 'last-event-id': lastEventId })
      if (rest.ok) place = await this.#read(rest, place)
      else if (rest.status !== CONFLICT || comebacks === MAX_COMEBACKS)
        throw new Error(`${rest.status} ${await rest.text()}`)
    }
  }

  async #post(messages: Message | readonly Message[]): Promise<Place> {
    const versioned = 'map' in messages ? messages.map(withVersion) : withVersion(messages)
    const response = await this.#breakable.fetch(this.#url, {
      method: 'POST',
      headers: { ...this.#headers(), 'content-type': 'application/json' },
      body: JSON.stringify(versioned),
      signal: this.#left.signal,
    })
    this.#session ??= response.headers.get('mcp-session-id') ?? undefined
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return this.#read(response)
  }

  #get(more: Record<string, string> = {}): Promise<Response> {
    const headers = { ...this.#headers(), ...more }
    return this.#breakable.fetch(this.#url, { headers, signal: this.#left.signal })
  }

  /** To the end of the answer, or to where it breaks. */
  async #read(response: Response, from: Place = UNREAD): Promise<Place> {
    const type = response.headers.get('content-type') ?? ''
    let { lastEventId, retryMs } = from
    if (type.startsWith('application/json')) this.#take(await response.json())
    if (!type.startsWith('text/event-stream') || response.body === null)
      return { lastEventId, retryMs }
    const parser = createParser({
      onRetry: (ms) => (retryMs = ms),
      onEvent: ({ id, data }) => {
        lastEventId = id ?? lastEventId
        if (data !== '') this.#take(JSON.parse(data))
      },
    })
    const decoder = new TextDecoder()
    try {
      for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }))
    } catch (error) {
      if (lastEventId === undefined) throw error
    }
    return { lastEventId, retryMs }
  }

  #take(received: unknown): void {
    for (const message of Array.isArray(received)
      ? (received as Message[])
      : [received as Message]) {
      const { id, method, params = {} } = message
      if (method === undefined) {
        if (id === undefined) continue
        this.#waiting.get(id)?.(message)
        this.#waiting.delete(id)
      } else if (id !== undefined) {
        const result = answerTo(method)
        void this.#post([{ id, result }])
      } else if (method === 'notifications/progress') {
        this.#progress.get(params['progressToken'] as number)?.(Number(params['progress']))
      } else {
        this.#heard.get(method)?.(params)
      }
    }
  }

  #headers(): Record<string, string> {
    return {
      accept: 'application/json, text/event-stream',
      ...(this.#session !== undefined && { 'mcp-session-id': this.#session }),
    }
  }
}

const withVersion = (message: Message): object => ({ jsonrpc: '2.0', ...message })

function answerTo(method: string): Record<string, unknown> {
  if (method === 'elicitation/create') return ANSWERS.elicitation
  if (method === 'sampling/createMessage') return ANSWERS.sampling
  return method === 'roots/list' ? ANSWERS.roots : {}
}
