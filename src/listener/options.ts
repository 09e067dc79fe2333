// Options of the sockets: the config section `listeners[]` and the socket part of `limits`.
import type { RawHeaders } from '../core/index.ts'
import type { ServerTlsOptions } from '../tls/index.ts'

/** Budgets of a socket. */
export interface SocketLimits {
  /** From the start of a connection or of the next request to the end of its header section. */
  readonly headerTimeoutMs: number
  /** From the first byte of a request to the last of its body. */
  readonly requestTimeoutMs: number
  /** A kept-alive connection (HTTP/1.1) or a session without streams (HTTP/2) may be silent this long. */
  readonly idleTimeoutMs: number
  readonly handshakeTimeoutMs: number
  /** New connections per second, refilled continuously, per listener. */
  readonly acceptRatePerSecond: number
  readonly acceptBurst: number
  readonly maxConnections: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** HTTP/2 streams per connection. */
  readonly maxConcurrentStreams: number
  /** A client that is behind must catch up within this time, each time. */
  readonly slowReaderTimeoutMs: number
}

export interface ListenerOptions {
  /** The configured address as written, for logs, metrics and errors. */
  readonly name: string
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Undefined: plain HTTP. */
  readonly tls: ServerTlsOptions | undefined
  readonly http2: boolean
  /** Security header fields for every answer: name, value, name, value, … */
  readonly securityHeaders: RawHeaders
  readonly limits: SocketLimits
  /** True when requests for WebSocket become exchanges; else they are refused as any other upgrade is. Default: false. */
  readonly webSocket?: boolean | undefined
}

/** A plain listener that sends everyone to the https listener it belongs to. */
export interface RedirectOptions {
  /** The configured address as written. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** Folder with the challenges of an ACME client. Undefined: none are served. */
  readonly acmeChallengeDir: string | undefined
  readonly securityHeaders: RawHeaders
}

/** Where connections for some names go, undecrypted. */
export interface PassthroughTarget {
  /** Names as in certificates: exact, `*.a.example` for one label, or `*` for whatever has no other target. Lower case. */
  readonly serverNames: readonly string[]
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
  /** No byte in either direction for this long ends the connection. */
  readonly idleTimeoutMs: number
}

/** A listener that passes TLS connections on without decrypting them. */
export interface PassthroughOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly targets: readonly PassthroughTarget[]
  readonly limits: SocketLimits
}
