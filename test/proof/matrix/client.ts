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
  /** The next answer that comes as a stream breaks after its first event; the client comes back for the rest by itself. */
  readonly breakNextStream?: () => void
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

/** A fetch that can break an answer on its way: the reader sees an error, as when a connection is lost. */
export function breakableFetch(): {
  readonly fetch: typeof fetch
  readonly breakNext: () => void
} {
  let isArmed = false
  const breaking: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
    if (!isArmed || !isStream || init?.method !== 'POST' || response.body === null) return response
    isArmed = false
    const { status, headers } = response
    return new Response(response.body.pipeThrough(breakAfterProgress()), { status, headers })
  }
  return {
    fetch: breaking,
    breakNext: () => {
      isArmed = true
    },
  }
}

function breakAfterProgress(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk)
      if (Buffer.from(chunk).includes('notifications/progress')) {
        // What was enqueued is lost by an error at once; the reader gets it first.
        setImmediate(() => controller.error(new TypeError('terminated')))
      }
    },
  })
}
