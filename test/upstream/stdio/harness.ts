// What the tests of the stdio endpoint share: an endpoint made of a script, and a sink that records its answer.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Clock, GatewayError, RawHeaders } from '../../../src/core/index.ts'
import { systemClock } from '../../../src/core/index.ts'
import { createMetrics, silentLog, type Log } from '../../../src/observability/index.ts'
import type { StdioEndpointOptions } from '../../../src/upstream/options.ts'
import { createStdioUpstream } from '../../../src/upstream/stdio/index.ts'
import type { AnswerSink, Upstream, UpstreamCall } from '../../../src/upstream/upstream.ts'
import { META, type Era, type Inbound, type JsonObject } from '../../../src/wire/index.ts'

export function childScript(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/children/${name}`, import.meta.url))
}

/** A log that keeps its lines. */
export function recordingLog(): {
  log: Log
  lines: { level: string; text: string; fields: JsonObject }[]
} {
  const lines: { level: string; text: string; fields: JsonObject }[] = []
  const bind = (bound: JsonObject): Log => {
    const at = (level: string) => (fields: object, text: string) => {
      lines.push({ level, text, fields: { ...bound, ...fields } })
    }
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => bind({ ...bound, ...fields }),
      isEnabled: () => true,
      flush: async () => {},
    }
  }
  return { log: bind({}), lines }
}

export interface EndpointSetup extends Partial<Omit<StdioEndpointOptions, 'kind'>> {
  /** Arguments of the scripted server, in place of `command` and `args`. */
  readonly script?: readonly string[]
  readonly clock?: Clock
  readonly log?: Log
  readonly baseEnv?: Readonly<Record<string, string>>
}

export function startEndpoint(setup: EndpointSetup = {}) {
  const { script = [], clock = systemClock, log = silentLog, baseEnv, ...options } = setup
  const metrics = createMetrics()
  const upstream = createStdioUpstream(
    {
      kind: 'stdio',
      command: process.execPath,
      args: [childScript('scripted-server.mjs'), ...script],
      env: {},
      cwd: undefined,
      maxChildren: 8,
      idleTimeoutMs: 600_000,
      maxLifetimeMs: 3_600_000,
      maxMessageBytes: 8 * 1_048_576,
      responseTimeoutMs: 30_000,
      stopTimeoutMs: 1_000,
      ...options,
    },
    {
      name: 'scripted',
      server: 'test',
      log,
      metrics,
      clock,
      baseEnv: baseEnv ?? { PATH: process.env['PATH'] ?? '' },
    },
  )
  onTestFinished(() => upstream.stop(0))
  const count = async (name: string): Promise<Record<string, number>> => {
    const metric = await metrics.registry.getSingleMetric(`sallyport_${name}`)?.get()
    return Object.fromEntries(
      (metric?.values ?? []).map(({ labels, value }) => [String(labels['reason'] ?? 'all'), value]),
    )
  }
  return { upstream, metrics, count }
}

/** A message of the scripted server, with all that the tests look at; what a message lacks is undefined all the same. */
export interface Said {
  readonly id: unknown
  readonly method: string
  readonly params: {
    readonly _meta: Readonly<Record<string, unknown>>
    readonly data: string
    readonly message: string
    readonly progressToken: unknown
    readonly requestId: unknown
  }
  readonly error?: { readonly code: number; readonly data: { readonly code: string } }
  readonly result: {
    readonly env: unknown
    readonly name: string
    readonly params: unknown
    readonly pid: number
    readonly received: readonly string[]
    readonly said: number
    readonly text: string
  }
}

/** A sink with what it heard. */
export class Recorder implements AnswerSink {
  status = 0
  headers: Record<string, string> = {}
  readonly chunks: Buffer[] = []
  error: GatewayError | undefined
  sent: boolean | undefined
  isEnded = false
  /** False: the client reads nothing more until `call.resume()`. */
  reads = true
  call: UpstreamCall | undefined
  readonly #over = Promise.withResolvers<this>()

  onHead(status: number, headers: RawHeaders): void {
    if (this.call === undefined) throw new Error('head before send returned')
    if (this.status !== 0) throw new Error('two heads')
    this.status = status
    for (let at = 0; at < headers.length; at += 2) {
      this.headers[headers[at] as string] = headers[at + 1] as string
    }
  }

  onData(chunk: Uint8Array): boolean {
    if (this.status === 0 || this.isOver) throw new Error('data out of order')
    this.chunks.push(Buffer.from(chunk))
    return this.reads
  }

  onEnd(): void {
    if (this.isOver) throw new Error('two ends')
    this.isEnded = true
    this.#over.resolve(this)
  }

  onFailure(error: GatewayError, sent: boolean): void {
    if (this.call === undefined) throw new Error('failure before send returned')
    if (this.isOver) throw new Error('two ends')
    this.error = error
    this.sent = sent
    this.#over.resolve(this)
  }

  get isOver(): boolean {
    return this.isEnded || this.error !== undefined
  }

  /** Resolves when the answer is over, whichever way. */
  get over(): Promise<this> {
    return this.#over.promise
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  get json(): Said {
    return JSON.parse(this.text) as Said
  }

  /** Messages of an event stream so far. */
  get events(): Said[] {
    return this.rawEvents.map((data) => JSON.parse(data) as Said)
  }

  /** Event ids so far, in order. */
  get eventIds(): string[] {
    return [...this.text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string)
  }

  get rawEvents(): string[] {
    return [...this.text.matchAll(/^event: message\ndata: (.*)\n\n/gm)].map(
      (match) => match[1] as string,
    )
  }

  /** Why it failed: told to the sink, or as the answer itself on a stream that can be resumed. */
  get failure(): string | undefined {
    return this.error?.code ?? this.events.at(-1)?.error?.data.code
  }

  /** The only answer: the body, or the last event. */
  get answer(): Said {
    const isJson = this.headers['content-type'] === 'application/json'
    return isJson ? this.json : (this.events.at(-1) as Said)
  }
}

export interface Outgoing {
  readonly method?: 'POST' | 'GET' | 'DELETE'
  readonly era?: Era
  readonly session?: string | undefined
  /** A message, or its exact bytes. */
  readonly body?: object | string
  readonly accept?: string
  readonly lastEventId?: string | undefined
}

export function send(upstream: Upstream, outgoing: Outgoing): Recorder {
  const { method = 'POST', era = 'legacy', session, body, accept, lastEventId } = outgoing
  const bytes =
    body === undefined
      ? undefined
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const recorder = new Recorder()
  recorder.call = upstream.send(
    {
      method,
      query: '',
      headers: [
        'accept',
        accept ?? 'application/json, text/event-stream',
        ...(lastEventId === undefined ? [] : ['Last-Event-ID', lastEventId]),
      ],
      body: bytes,
      inbound:
        bytes === undefined
          ? undefined
          : inboundOf(JSON.parse(bytes.toString()) as JsonObject, era),
      sessionId: session,
      longLived: method === 'GET' || bytes?.includes('subscriptions/listen') === true,
    },
    recorder,
  )
  return recorder
}

function inboundOf(message: JsonObject | readonly JsonObject[], era: Era): Inbound {
  if (Array.isArray(message)) {
    const items = message as readonly JsonObject[]
    return {
      era,
      kind: 'batch',
      method: undefined,
      id: undefined,
      message: items,
      version: undefined,
    }
  }
  const single = message as JsonObject
  const { id, method, params } = single as Partial<Pick<Said, 'method' | 'params'>> & {
    id?: string
  }
  const kindWithMethod = id === undefined ? 'notification' : 'request'
  const version = era === 'modern' ? params?._meta?.[META.protocolVersion] : undefined
  return {
    era,
    kind: method === undefined ? 'response' : kindWithMethod,
    method,
    id,
    message: single,
    version: version as string | undefined,
  }
}

export const ENVELOPE = {
  [META.protocolVersion]: '2026-07-28',
  [META.clientCapabilities]: {},
} as const

/** A modern request with its envelope. */
export function modern(
  upstream: Upstream,
  id: string | number,
  method: string,
  params: { readonly _meta?: object; readonly [name: string]: unknown } = {},
): Recorder {
  const { _meta, ...rest } = params
  const body = { jsonrpc: '2.0', id, method, params: { ...rest, _meta: { ...ENVELOPE, ..._meta } } }
  return send(upstream, { era: 'modern', body })
}

/** Begins a legacy session and returns its id. */
export async function initialize(upstream: Upstream): Promise<string> {
  const { over } = send(upstream, { body: INITIALIZE })
  const { headers, error } = await over
  if (error !== undefined) throw error
  return headers['mcp-session-id'] as string
}

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  },
} as const

/** A legacy request on a session. */
export function legacy(
  upstream: Upstream,
  session: string,
  [id, method, params]: readonly [id: string | number, method: string, params?: object],
): Recorder {
  return send(upstream, { session, body: { jsonrpc: '2.0', id, method, params } })
}

/** True while a process with this id exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !isZombie(pid)
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}
