// The only place that logs: one JSON line per event on stderr. Redaction is by allow-list: a field that is not declared
// in LogFields is not a field, and an error is reduced to its codes and messages.
import { pino, type DestinationStream } from 'pino'
import { LineBatch } from './line-batch.ts'
import type { LogOptions } from './options.ts'

/** Every field a log line may have. None of them ever carries payload, credentials or header values. */
export interface LogFields {
  readonly exchange?: string
  readonly listener?: string
  readonly route?: string
  readonly server?: string
  readonly endpoint?: string
  readonly remote?: string
  /** Name that a client asks for in the TLS handshake; checked to be a host name. */
  readonly serverName?: string
  readonly method?: string
  readonly rpcMethod?: string
  readonly path?: string
  readonly status?: number
  readonly code?: string
  readonly era?: string
  readonly durationMs?: number
  readonly pid?: number
  readonly child?: string
  readonly stderr?: string
  readonly signal?: string
  readonly exitCode?: number
  readonly count?: number
  readonly address?: string
  readonly file?: string
  readonly version?: string
  /** What a TLS handshake agreed on, and who the client is by its certificate. */
  readonly suite?: string
  readonly group?: string
  readonly alpn?: string
  readonly resumed?: boolean
  readonly peer?: string
  /** The failure behind the line; reduced to the chain of codes and messages. */
  readonly error?: unknown
}

export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log
  /** True when a line of this level would be written: lets the hot path skip building one. */
  isEnabled(level: LogOptions['level']): boolean
  /** Writes what is held back. To be called before the process ends. */
  flush(): Promise<void>
}

const LOGGABLE = new Set<string>([
  'exchange',
  'listener',
  'route',
  'server',
  'endpoint',
  'remote',
  'serverName',
  'method',
  'rpcMethod',
  'path',
  'status',
  'code',
  'era',
  'durationMs',
  'pid',
  'child',
  'stderr',
  'signal',
  'exitCode',
  'count',
  'address',
  'file',
  'version',
  'suite',
  'group',
  'alpn',
  'resumed',
  'peer',
  'error',
] satisfies (keyof LogFields)[])

const MAX_CAUSES = 5

/** The error as one line: `code message ← code message …`, outermost first. No stack: a peer may have shaped the text. */
function describeError(thrown: unknown): string {
  const parts: string[] = []
  for (let at = thrown; at !== undefined && parts.length < MAX_CAUSES; ) {
    if (!(at instanceof Error)) {
      parts.push(typeof at)
      break
    }
    const code = (at as { code?: unknown }).code
    parts.push(typeof code === 'string' ? `${code} ${at.message}` : at.message)
    at = at.cause
  }
  return parts.join(' ← ')
}

function loggable(fields: LogFields): Record<string, unknown> {
  const line: Record<string, unknown> = {}
  for (const name in fields) {
    const value = fields[name as keyof LogFields]
    if (!LOGGABLE.has(name) || value === undefined) continue
    line[name] = name === 'error' ? describeError(value) : value
  }
  return line
}

const STANDARD_ERROR = 2

/** Builds the process's log. `sink` is for tests; by default lines go to stderr, so that stdout stays free for answers. */
export function createLog(options: LogOptions, sink?: DestinationStream): Log {
  const own = sink === undefined ? new LineBatch(STANDARD_ERROR) : undefined
  const logger = pino(
    { level: options.level, base: null, formatters: { level: (label) => ({ level: label }) } },
    sink ?? own,
  )
  return wrap(logger, async () => own?.flush())
}

type PinoLike = Pick<
  ReturnType<typeof pino>,
  'debug' | 'info' | 'warn' | 'error' | 'isLevelEnabled' | 'child'
>

function wrap(logger: PinoLike, flush: () => Promise<void>): Log {
  const write = (level: LogOptions['level'], fields: LogFields, message: string): void => {
    if (logger.isLevelEnabled(level)) logger[level](loggable(fields), message)
  }
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    with: (fields) => wrap(logger.child(loggable(fields)), flush),
    isEnabled: (level) => logger.isLevelEnabled(level),
    flush,
  }
}

/** A log that writes nothing, for parts built outside a gateway. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
  isEnabled: () => false,
  flush: async () => {},
}
