// The names a certificate vouches for (RFC 5280 §4.2.1.6): checked, and put in the form they have inside it.
import { isIP } from 'node:net'
import type { GeneralName } from 'pkijs'
import { CertificateError } from './certificate-error.ts'
import type { X509 } from './x509.ts'

export interface SubjectName {
  readonly kind: 'dns' | 'ip' | 'uri' | 'email'
  /** `mcp.example.com`, `*.example.com`; `10.0.0.5`, `::1`; `spiffe://example.com/agent`; `agent@example.com`. */
  readonly value: string
}

/** Labels of RFC 1123 §2.1; a wildcard may stand for the first of several (RFC 9525 §6.3). */
const DNS_NAME =
  /^(?:\*\.(?=[^.]+\.))?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i
const MAX_DNS_CHARS = 253
/** A mailbox of RFC 5321 §4.1.2 without quotes; the local part in ASCII, as RFC 5280 §4.2.1.6 wants it here. */
const MAILBOX = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/

/** Choices of GeneralName, by their tags. */
const tag = { email: 1, dns: 2, uri: 6, ip: 7 } as const

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
  if (kind === 'email') {
    if (!MAILBOX.test(value)) throw unfit('an e-mail address', value)
    return new pkijs.GeneralName({ type: tag.email, value })
  }
  if (!isDnsName(value)) throw unfit('a DNS name', value)
  return new pkijs.GeneralName({ type: tag.dns, value })
}

function isDnsName(text: string): boolean {
  return DNS_NAME.test(text) && text.length <= MAX_DNS_CHARS
}

/**
 * What a name is, by its looks: `10.0.0.5` an address, `spiffe://…` a URI, `a@b.example` an e-mail address, all else a DNS
 * name. `DNS:`, `IP:`, `URI:` and `email:` in front, as openssl writes them, settle it.
 *
 * @throws CertificateError when it is none of them.
 */
export function parseSubjectName(text: string): SubjectName {
  const [, prefix, rest = text] = /^(DNS|IP|URI|email):(?!\/\/)(.*)$/i.exec(text) ?? []
  const kind = (prefix?.toLowerCase() as SubjectName['kind'] | undefined) ?? kindOf(text)
  const fits = {
    // With a number at its end it is read as an address, and a wrong one (WHATWG URL §3.5).
    dns: (value: string) => isDnsName(value) && !/(?:^|\.)\d+$/.test(value),
    // An address that stands for all of a machine's is one to listen on; nobody connects to it.
    ip: (value: string) => isIP(value) !== 0 && !/%|^(?:0\.0\.0\.0|::)$/.test(value),
    uri: (value: string) => ABSOLUTE_URI.test(value),
    email: (value: string) => MAILBOX.test(value),
  }
  const value = kind === 'dns' ? rest.replace(/\.$/, '') : rest
  if (fits[kind](value)) return { kind, value }
  const got = JSON.stringify(text)
  throw new CertificateError(
    'request',
    `expected a name for the certificate (DNS name, IP address to connect to, URI or e-mail address), got ${got}; write it like mcp.example.com, 10.0.0.5 or spiffe://example.com/agent`,
  )
}

function kindOf(text: string): SubjectName['kind'] {
  if (isIP(text) !== 0) return 'ip'
  if (text.includes('://')) return 'uri'
  return text.includes('@') ? 'email' : 'dns'
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
