// The config keys of a listener that passes TLS on undecrypted.
import { type DocumentOf, duration, list, section, text, toMs } from '../../core/fields.ts'
import { addressField, listenField, toAddress } from '../address.ts'
import type { PassthroughOptions, PassthroughTarget, SocketLimits } from '../options.ts'

/** A DNS name, `*.` before one, or `*`. Addresses never come as server names (RFC 6066 §3). */
const SERVER_NAME = /^(?:\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)$/
const ALL_DIGITS = /^[\d.]+$/
const MAX_NAME_CHARS = 253

const targetShape = {
  server_names: list(
    text({
      expected: 'a host name, "*." and a host name, or "*"',
      mend: 'write "a.example.com", "*.example.com", or "*" for all other names',
      pattern: SERVER_NAME,
      check: (written) => written.length <= MAX_NAME_CHARS && !ALL_DIGITS.test(written),
      shown: 'as-is',
    }),
    { expected: 'a list with at least one server name', mend: 'write [a.example.com]', min: 1 },
  ).describe(
    'Names that clients ask for in the TLS handshake (SNI). An exact name goes before `"*.example.com"`, which stands for one label, as in certificates, and that before `"*"`, which takes every other name and clients that name none. Without `"*"` those get a TLS alert: unrecognized_name, or missing_extension.',
  ),
  to: addressField(
    {
      expected: 'host:port to connect to',
      mend: 'write it in quotes, like "10.0.0.5:8443"',
    },
    ({ host, port }) => host !== '' && port > 0,
  ).describe(
    'Where the connection is passed on to, byte by byte: the TLS handshake is with the server there, certificates of both sides included. Not an address that passes on itself.',
  ),
  connect_timeout: duration({ min: '100ms', max: '5m' })
    .default('5s')
    .describe(
      'Time for the TCP connection to `to`. Then the client gets a TLS alert, internal_error.',
    ),
  idle_timeout: duration({ min: '1s', max: '24h' })
    .default('10m')
    .describe(
      'A connection without a byte in either direction for this long is closed, and so is one whose reader does not read.',
    ),
}

/** The keys of a listener that passes TLS on. */
export const passthroughShape = {
  listen: listenField(),
  passthrough: list(section(targetShape, 'a map with server_names and to'), {
    expected: 'a list with at least one target',
    mend: 'write [{server_names: [a.example.com], to: "10.0.0.5:8443"}]',
    min: 1,
  }).describe(
    'Passes TLS connections on by the name in their first message, without decrypting them: the gateway sees neither requests nor answers, so routes, health, security headers and HTTP limits are not on this listener. It takes `listen`, and `limits.handshake_timeout` for the first message, `limits.accept_rate`, `limits.accept_burst` and `limits.max_connections`.',
  ),
}

export function toPassthroughOptions(
  document: DocumentOf<typeof passthroughShape>,
  limits: SocketLimits,
): PassthroughOptions {
  const { listen, passthrough } = document
  return { name: listen, ...toAddress(listen), targets: passthrough.map(toTarget), limits }
}

function toTarget(document: DocumentOf<typeof targetShape>): PassthroughTarget {
  return {
    serverNames: document.server_names.map((name) => name.toLowerCase()),
    ...toAddress(document.to),
    connectTimeoutMs: toMs(document.connect_timeout),
    idleTimeoutMs: toMs(document.idle_timeout),
  }
}
