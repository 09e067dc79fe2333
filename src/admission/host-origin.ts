// The DNS-rebinding defence: an exchange is for us only when its Host names us, and a browser's only when its Origin is
// ours or trusted (MCP 2025-11-25 transports §Security warning). Port numbers do not count: ports are mapped.
import { isIP } from 'node:net'
import { GatewayError, type Exchange } from '../core/index.ts'
import type { HostOriginOptions } from './options.ts'

export interface HostOriginContext extends HostOriginOptions {
  /** Address the listener is bound to. */
  readonly boundHost: string
  /** DNS names and addresses in the listener's certificate; wildcards cover one label. */
  readonly certificateHosts: readonly string[]
}

/** Authorities remembered as our own; a client uses one or two, and only ours are kept, so others cannot fill it. */
const MAX_REMEMBERED = 64

const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1']

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

export class HostOriginCheck {
  readonly #configured: readonly string[]
  readonly #origins: ReadonlySet<string>
  readonly #ownAuthorities = new Set<string>()
  #certificateHosts: readonly string[]
  #hosts: ReadonlySet<string> = new Set()
  #wildcards: readonly string[] = []

  constructor(context: HostOriginContext) {
    const { boundHost, allowedHosts, allowedOrigins, certificateHosts } = context
    const own = isLoopback(boundHost) ? [...LOOPBACK_HOSTS, boundHost] : []
    this.#configured = [...own, ...allowedHosts.map(normalizeHost)]
    this.#origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
    this.#certificateHosts = certificateHosts.map(normalizeHost)
    this.#accept(this.#certificateHosts)
  }

  /**
   * The listener has another certificate. Names of the one before stay ours until the next change: connections that were
   * made with it are still open.
   */
  replaceCertificateHosts(certificateHosts: readonly string[]): void {
    const next = certificateHosts.map(normalizeHost)
    if (next.join() === this.#certificateHosts.join()) return
    const previous = this.#certificateHosts
    this.#certificateHosts = next
    this.#accept([...previous, ...next])
  }

  #accept(certificateHosts: readonly string[]): void {
    const named = [...this.#configured, ...certificateHosts]
    this.#hosts = new Set(named.filter((host) => !host.startsWith('*.')))
    this.#wildcards = named.filter((host) => host.startsWith('*.')).map((host) => host.slice(1))
    this.#ownAuthorities.clear()
  }

  /** The refusal, or undefined when the exchange may go on. */
  refuse(exchange: Pick<Exchange, 'authority' | 'header'>): GatewayError | undefined {
    if (!this.#isOwnAuthority(exchange.authority)) {
      return new GatewayError(
        'GW_HOST_NOT_ALLOWED',
        'Host: expected a name of this gateway (listeners[].allowed_hosts)',
      )
    }
    const origin = exchange.header('origin')
    if (origin === undefined || this.#isAllowedOrigin(origin, exchange.authority)) return undefined
    return new GatewayError(
      'GW_ORIGIN_NOT_ALLOWED',
      'Origin: expected this gateway’s own or a trusted one (listeners[].allowed_origins)',
    )
  }

  #isOwnAuthority(authority: string): boolean {
    if (this.#ownAuthorities.has(authority)) return true
    if (!this.#isOwnHost(hostOf(authority))) return false
    if (this.#ownAuthorities.size < MAX_REMEMBERED) this.#ownAuthorities.add(authority)
    return true
  }

  #isOwnHost(host: string): boolean {
    if (this.#hosts.has(host)) return true
    return this.#wildcards.some((suffix) => {
      const label = host.endsWith(suffix) ? host.slice(0, -suffix.length) : ''
      return label !== '' && !label.includes('.')
    })
  }

  /** Same origin: the page came from the very host and port that it calls. "null" never is. */
  #isAllowedOrigin(origin: string, authority: string): boolean {
    const lower = origin.toLowerCase()
    if (this.#origins.has(lower)) return true
    return (
      lower === `https://${authority.toLowerCase()}` ||
      lower === `http://${authority.toLowerCase()}`
    )
  }
}

/** The host part of an authority, lower case, without port, brackets and trailing dot. */
function hostOf(authority: string): string {
  const port = /:\d*$/.exec(authority)
  const isBareV6 =
    !authority.startsWith('[') && authority.indexOf(':') !== authority.lastIndexOf(':')
  const host = port === null || isBareV6 ? authority : authority.slice(0, port.index)
  return normalizeHost(host)
}

function normalizeHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
}
