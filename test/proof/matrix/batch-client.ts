// A client of protocol version 2025-03-26 that sends every message in a batch, as no SDK does any more: written by hand.
import { createParser } from 'eventsource-parser'
import { ANSWERS, type CallOptions, type ClientKind, type MatrixClient } from './client.ts'

const VERSION = '2025-03-26'

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

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
    const stream = await fetch(this.#url, { headers: this.#headers(), signal: this.#left.signal })
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
    void this.#post(messages).catch(answer.reject)
    return answer.promise
  }

  async #post(messages: Message | readonly Message[]): Promise<void> {
    const versioned = 'map' in messages ? messages.map(withVersion) : withVersion(messages)
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { ...this.#headers(), 'content-type': 'application/json' },
      body: JSON.stringify(versioned),
      signal: this.#left.signal,
    })
    this.#session ??= response.headers.get('mcp-session-id') ?? undefined
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    await this.#read(response)
  }

  async #read(response: Response): Promise<void> {
    const type = response.headers.get('content-type') ?? ''
    if (type.startsWith('application/json')) this.#take(await response.json())
    if (!type.startsWith('text/event-stream') || response.body === null) return
    const parser = createParser({
      onEvent: ({ data }) => data !== '' && this.#take(JSON.parse(data)),
    })
    const decoder = new TextDecoder()
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }))
  }

  #take(received: unknown): void {
    for (const message of Array.isArray(received)
      ? (received as Message[])
      : [received as Message]) {
      const { id, method, params = {} } = message
      if (method === undefined) {
        if (id !== undefined) this.#waiting.get(id)?.(message)
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
