// What the two HTTP versions share within one listener: whom to hand exchanges to, whom to tell, and the watched waits.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type {
  Deadlines,
  Exchange,
  GatewayError,
  ListenerIdentity,
  PeerIdentity,
} from '../core/index.ts'
import type { SocketLimits } from './options.ts'
import type { SlowReaders } from './paced-answer.ts'
import type { SecurityHeaders } from './security-headers.ts'

/**
 * How long a connection that is being closed goes on reading. Closing with unread bytes makes the kernel send a reset, and
 * the client would lose the answer it has not read yet (RFC 9112 §9.6).
 */
export const LINGER_MS = 1_000

/** How much is read and thrown away at most, to bring an answer home or to keep the connection. */
export const MAX_DISCARD_BYTES = 65_536

/** A connection as it was accepted. */
export interface Arrival {
  /** The TCP socket, below TLS if there is any. */
  readonly socket: Socket
  readonly remoteAddress: string
  /** Who the client is by its certificate, once TLS has asked for one. */
  readonly peer?: PeerIdentity | undefined
  /** The answer to every request, for a connection that is one too many. */
  readonly refusal: GatewayError | undefined
}

/** Something that only waits for the client to finish. */
export interface Lingering {
  endLingering(): void
}

/** A session without streams. */
export interface IdleSession {
  closeIdle(): void
}

/** A request that is not there as a whole. */
export interface LateBody {
  failLate(): void
}

/** Why a connection was closed without an answer. */
export type CutReason =
  | 'idle'
  | 'pipelining'
  | 'handshake_failed'
  | 'handshake_timeout'
  | 'unknown_name'
  | 'unreachable'
  | 'loop'
  | 'websocket'

export interface Surroundings {
  readonly identity: ListenerIdentity
  readonly limits: SocketLimits
  readonly security: SecurityHeaders
  /** Whether requests for WebSocket become exchanges. */
  readonly takesWebSocket: boolean
  readonly nextId: () => string
  readonly nowMs: () => number
  /** Never throws. */
  readonly onExchange: (exchange: Exchange) => void
  readonly onRefusal: (error: GatewayError, remoteAddress: string, requestId: string) => void
  readonly onSlowReader: (remoteAddress: string, requestId: string) => void
  readonly onConnectionCut: (reason: CutReason, error?: Error) => void
  readonly slowReaders: SlowReaders
  /** Bodies under way, where Node has no timer of its own (HTTP/2). */
  readonly lateBodies: Deadlines<LateBody>
  /** HTTP/2 sessions without streams. */
  readonly idleSessions: Deadlines<IdleSession>
  /** What only waits for the client to finish; called after LINGER_MS. */
  readonly lingering: Deadlines<Lingering>
}

/** Ids that are unique in the process and unlikely to come again after a restart: a random start and a count. */
export function createExchangeIds(): () => string {
  const prefix = randomBytes(5).toString('hex')
  let count = 0
  return () => {
    count += 1
    return `${prefix}-${count.toString(36)}`
  }
}
