// The names in a certificate: hosts it is for, and which certificate is for a host.
import type { X509Certificate } from 'node:crypto'
import { isIPv6, SocketAddress } from 'node:net'

export interface AlternativeName {
  /** As Node calls it: `DNS`, `IP Address`, `URI`, `email`, … */
  readonly kind: string
  readonly value: string
}

/** An entry is `KIND:value`, with the value as a JSON string when it has odd characters (CVE-2021-44532). */
const ENTRY = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy

export function alternativeNames({
  subjectAltName = '',
}: X509Certificate): readonly AlternativeName[] {
  return [...subjectAltName.matchAll(ENTRY)].map(([, kind = '', value = '']) => ({
    kind,
    value: value.startsWith('"') ? String(JSON.parse(value)) : value,
  }))
}

/** DNS names (lower case, wildcards as written) and IP addresses. Names that no client can ask for are left out. */
export function hostsOf(certificate: X509Certificate): readonly string[] {
  return alternativeNames(certificate).flatMap(({ kind, value }) => {
    if (kind === 'IP Address') return [isIPv6(value) ? shortIPv6(value) : value]
    return kind === 'DNS' && /^[*\w.-]+$/.test(value) ? [canonicalHost(value)] : []
  })
}

/** Clients write a name as they like: `A.Example.` is `a.example` (RFC 6066 §3, RFC 4343). */
export function canonicalHost(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** The wildcard that would be for the name: the star stands for exactly one label (RFC 9525 §6.3). */
export function wildcardFor(host: string): string {
  return host.replace(/^[^.]+/, '*')
}

function shortIPv6(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address
}
