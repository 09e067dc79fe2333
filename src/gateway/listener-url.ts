// How a listener is told to people and tests: as the URL that reaches it.
import type { Listener } from '../listener/index.ts'
import type { GatewayListenerOptions } from './options.ts'

/** `tls:` where the protocol inside is not known. */
export function urlOf(
  listener: Listener,
  options: Partial<Pick<GatewayListenerOptions, 'tls' | 'passthrough'>> = {},
): string {
  const { host, port } = listener.address
  const shown = host.includes(':') ? `[${host}]` : host
  const encrypted = options.passthrough === undefined ? 'https' : 'tls'
  const isPlain = options.tls === undefined && options.passthrough === undefined
  return `${isPlain ? 'http' : encrypted}://${shown}:${port}`
}
