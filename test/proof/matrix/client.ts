// What every client of the matrix can do, whatever its SDK, era and transport.

export type Level = 'debug' | 'info' | 'warning' | 'error'

export interface CallOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: number) => void
  /** Least severe log message to be told of this call, where the era has that per request. */
  readonly logLevel?: Level
}

export interface CallAnswer {
  /** The first text of the result. */
  readonly text: string
  readonly isError: boolean
}

export interface MatrixClient {
  listTools(): Promise<readonly string[]>
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallAnswer>
  readResource(uri: string): Promise<string>
  complete(prompt: string, argument: string, value: string): Promise<readonly string[]>
  /** From now on `onLog` hears log messages of at least this level. */
  hearLogs(level: Level, onLog: (data: unknown) => void): Promise<void>
  /** From now on `onUpdated` hears of changes of the resource. */
  subscribe(uri: string, onUpdated: (uri: string) => void): Promise<void>
  /**
   * The stream of the next call breaks behind its first progress; the client comes back for the rest by itself, if it can.
   * Returns what tells whether it has broken.
   */
  readonly breakNextStream: () => () => boolean
  close(): Promise<void>
}

export interface ClientKind {
  readonly title: string
  readonly era: 'legacy' | 'modern'
  readonly transport: 'Streamable HTTP' | 'HTTP+SSE' | 'WebSocket'
  /**
   * The SDK hands notifications on one step later than answers, and forgets a call with its answer: where both come in one
   * piece, as on these transports, the last progress is lost within the client, with or without a gateway.
   */
  readonly losesLastProgress?: true
  connect(url: string): Promise<MatrixClient>
}

/** What every client answers when it is asked. */
export const ANSWERS = {
  elicitation: { action: 'accept' as const, content: { answer: 'Alice' } },
  sampling: {
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'Paris' },
    model: 'test-model',
  },
  roots: { roots: [{ uri: 'file:///root' }] },
}

/** A fetch that can break a stream behind some progress: the reader sees an error, as when a connection is lost. */
export interface BreakableFetch {
  readonly fetch: typeof fetch
  readonly breakNext: MatrixClient['breakNextStream']
}

/** `method` is that of the requests which the streams with answers belong to. */
export function breakableFetch(method: 'GET' | 'POST' = 'POST'): BreakableFetch {
  let next: { hasBroken: boolean } | undefined
  const breaking = (): TransformStream<Uint8Array, Uint8Array> => {
    // A stream of one answer breaks for the call it answers, one that is there before for any.
    const own = method === 'POST' ? next : undefined
    if (own !== undefined) next = undefined
    return new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk)
        const due = own ?? next
        if (due === undefined || !Buffer.from(chunk).includes('notifications/progress')) return
        next = undefined
        due.hasBroken = true
        // What was enqueued is lost by an error at once; the reader gets it first.
        setImmediate(() => controller.error(new TypeError('terminated')))
      },
    })
  }
  return {
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      const { status, headers, body } = response
      const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
      if (!isStream || body === null || (init?.method ?? 'GET') !== method) return response
      return new Response(body.pipeThrough(breaking()), { status, headers })
    },
    breakNext: () => {
      const due = { hasBroken: false }
      next = due
      return () => due.hasBroken
    },
  }
}
