// The names a certificate vouches for (RFC 5280 §4.2.1.6): checked, and put in the form they have inside it.
import { isIP } from 'node:net'
import type { GeneralName } from 'pkijs'
import type { X509 } from './x509.ts'

export interface SubjectName {
  readonly kind: 'dns' | 'ip' | 'uri'
  /** `mcp.example.com`, `*.example.com`; `10.0.0.5`, `::1`; `spiffe://example.com/agent`. */
  readonly value: string
}

/** Labels of RFC 1123 §2.1; a wildcard may stand for the first of several (RFC 9525 §6.3). */
const DNS_NAME =
  /^(?:\*\.(?=[^.]+\.))?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i
const MAX_DNS_CHARS = 253
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/

/** Choices of GeneralName, by their tags. */
const tag = { dns: 2, uri: 6, ip: 7 } as const

/** @throws TypeError for a value that is not of its kind. */
export function toGeneralName({ pkijs, asn1js }: X509, name: SubjectName): GeneralName {
  const { kind, value } = name
  if (kind === 'ip') {
    const address = new asn1js.OctetString({ valueHex: addressBytes(value) })
    return new pkijs.GeneralName({ type: tag.ip, value: address })
  }
  if (kind === 'uri') {
    if (!ABSOLUTE_URI.test(value)) throw unfit('an absolute URI', value)
    return new pkijs.GeneralName({ type: tag.uri, value })
  }
  if (!DNS_NAME.test(value) || value.length > MAX_DNS_CHARS) throw unfit('a DNS name', value)
  return new pkijs.GeneralName({ type: tag.dns, value })
}

function addressBytes(address: string): Uint8Array<ArrayBuffer> {
  const version = isIP(address)
  // A zone ("fe80::1%eth0") names an interface of this machine, which means nothing to whoever reads the certificate.
  if (version === 0 || address.includes('%')) throw unfit('an IP address without zone', address)
  if (version === 4) return new Uint8Array(address.split('.').map(Number))
  return new Uint8Array(
    groupsOf(address).flatMap((group) => [
      Number.parseInt(group, 16) >> 8,
      Number.parseInt(group, 16) & 0xff,
    ]),
  )
}

const IPV6_GROUPS = 8

/** The eight groups. The URL parser brings every spelling to one (RFC 5952), an embedded IPv4 address included. */
function groupsOf(address: string): readonly string[] {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: IPV6_GROUPS - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after]
}

function unfit(expected: string, value: string): TypeError {
  return new TypeError(`subject name: expected ${expected}, got ${JSON.stringify(value)}`)
}
