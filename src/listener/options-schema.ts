// The config keys of a socket and how they become ListenerOptions: one of `listeners`, and the socket part of `limits`.
import { type DocumentOf, duration, flag, integer, size, toBytes, toMs } from '../core/fields.ts'
import { serverTlsSchema, suitsHttp2, toServerTlsOptions } from '../tls/index.ts'
import { listenField, toAddress } from './address.ts'
import type { ListenerOptions, SocketLimits } from './options.ts'
import { redirectShape } from './redirect/options-schema.ts'
import { securityHeadersSchema, toSecurityHeaders } from './security-headers-schema.ts'

export { type Address, addressField, parseAddress } from './address.ts'
export { passthroughShape, toPassthroughOptions } from './passthrough/options-schema.ts'
export { toPublicAuthority, toRedirectOptions } from './redirect/options-schema.ts'
export { checkSecurityHeaders, effectiveSecurityHeaders } from './security-headers-schema.ts'

/** The keys of a listener that are about its socket. */
export const listenerShape = {
  listen: listenField(),
  tls: serverTlsSchema
    .optional()
    .describe('Certificate and key of this listener. Without it the listener speaks plain HTTP.'),
  http2: flag()
    .optional()
    .describe(
      'Offer HTTP/2 beside HTTP/1.1 in the TLS handshake (ALPN). Only a listener with `tls` can: `true` without it is a fault, and so it is with TLS below 1.2 or with no suite that HTTP/2 allows. Default: true where it can be, else false.',
    ),
  ...redirectShape,
  security_headers: securityHeadersSchema,
}

/** The keys of `limits` that belong to sockets; the protocol stage brings the rest. */
export const socketLimitsShape = {
  header_timeout: duration({ min: '100ms', max: '10m' })
    .default('10s')
    .describe(
      'From the start of a connection, or of the next request on it, to the end of the header section. Then the answer is GW_REQUEST_TIMEOUT (408) and the connection is closed.',
    ),
  request_timeout: duration({ min: '100ms', max: '1h' })
    .default('120s')
    .describe(
      'From the first byte of a request to the last of its body; not shorter than `limits.header_timeout`. Then the answer is GW_REQUEST_TIMEOUT (408) and the connection is closed.',
    ),
  idle_timeout: duration({ min: '100ms', max: '1h' })
    .default('30s')
    .describe(
      'How long a kept-alive connection, or an HTTP/2 connection without streams, may be silent before it is closed.',
    ),
  handshake_timeout: duration({ min: '100ms', max: '2m' })
    .default('15s')
    .describe('How long a TLS handshake may take before the connection is cut.'),
  accept_rate: integer({ min: 1, max: 1_000_000 })
    .default(100)
    .describe(
      'New connections per second and listener, refilled continuously. What comes faster than that, after `limits.accept_burst`, is answered with GW_TOO_MANY_CONNECTIONS (503) and `Retry-After`.',
    ),
  accept_burst: integer({ min: 1, max: 1_000_000 })
    .default(200)
    .describe('New connections a listener takes at once before `limits.accept_rate` holds.'),
  max_connections: integer({ min: 1, max: 1_000_000 })
    .default(10_000)
    .describe(
      'Open connections per listener. One more is answered with GW_TOO_MANY_CONNECTIONS (503) and closed.',
    ),
  max_header_bytes: size({ min: '1KiB', max: '1MiB' })
    .default('16KiB')
    .describe(
      'Largest header section of a request. A larger one is answered with GW_HEADERS_TOO_LARGE (431).',
    ),
  max_headers: integer({ min: 8, max: 2_000 })
    .default(100)
    .describe(
      'Header fields in a request. More are answered with GW_HEADERS_TOO_LARGE (431); none is dropped silently.',
    ),
  max_concurrent_streams: integer({ min: 1, max: 10_000 })
    .default(100)
    .describe(
      'HTTP/2 streams open at once on a connection. The client is told so, and a stream beyond that is refused (REFUSED_STREAM).',
    ),
  slow_reader_timeout: duration({ min: '100ms', max: '10m' })
    .default('10s')
    .describe(
      'How long a client that is behind with reading its answer has to catch up, each time. Then the connection is cut (GW_SLOW_READER), so that nobody can fill the memory by reading slowly.',
    ),
}

export function toSocketLimits(limits: DocumentOf<typeof socketLimitsShape>): SocketLimits {
  return {
    headerTimeoutMs: toMs(limits.header_timeout),
    requestTimeoutMs: toMs(limits.request_timeout),
    idleTimeoutMs: toMs(limits.idle_timeout),
    handshakeTimeoutMs: toMs(limits.handshake_timeout),
    acceptRatePerSecond: limits.accept_rate,
    acceptBurst: limits.accept_burst,
    maxConnections: limits.max_connections,
    maxHeaderBytes: toBytes(limits.max_header_bytes),
    maxHeaders: limits.max_headers,
    maxConcurrentStreams: limits.max_concurrent_streams,
    slowReaderTimeoutMs: toMs(limits.slow_reader_timeout),
  }
}

type ListenerFields = DocumentOf<typeof listenerShape>

type Http2Choice = Pick<ListenerFields, 'tls'> & { readonly http2?: ListenerFields['http2'] }

/** What was asked for, or what suits the listener. */
export function offersHttp2({ tls, http2 }: Http2Choice): boolean {
  return http2 ?? (tls !== undefined && suitsHttp2(tls.min_version, tls.cipher_suites))
}

export interface ListenerContext {
  readonly limits: SocketLimits
  /** Makes a path of the document absolute. */
  readonly resolvePath: (written: string) => string
}

export function toListenerOptions(
  document: DocumentOf<typeof listenerShape>,
  { limits, resolvePath }: ListenerContext,
): ListenerOptions {
  const { listen, tls } = document
  return {
    name: listen,
    ...toAddress(listen),
    tls: tls && toServerTlsOptions(tls, resolvePath),
    http2: offersHttp2(document),
    securityHeaders: toSecurityHeaders(document.security_headers, tls !== undefined),
    limits,
  }
}
