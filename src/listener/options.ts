// Options of the sockets: the config section `listeners[]` and the socket part of `limits`.

/** Certificate and key of a listener, as files. */
export interface ServerTlsOptions {
  /** PEM file with the certificate, leaf first, followed by its chain. */
  readonly certFile: string
  /** PEM file with the private key. */
  readonly keyFile: string
}

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
  readonly limits: SocketLimits
}
