// Who a client is by its certificate. Read once per connection.
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { PeerIdentity } from '../core/index.ts'
import { alternativeNames } from './names.ts'
import type { PresentedChain } from './trust.ts'

/** A chain that is longer is no chain but an attempt to keep us busy; OpenSSL stops at a hundred. */
const MAX_CHAIN = 10

/** What the client showed: its certificate and those it sent along. A resumed session has the first alone. */
export function presentedChain(socket: TLSSocket): PresentedChain | undefined {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return undefined
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf]
  for (let at = leaf.issuerCertificate; at !== undefined && chain.length < MAX_CHAIN; ) {
    chain.push(at)
    at = at.issuerCertificate
  }
  return chain
}

/** `verified`: OpenSSL has found it to be of a trusted authority, valid, and for clients. */
export function identityOf(certificate: X509Certificate, verified: boolean): PeerIdentity {
  const names = alternativeNames(certificate)
  const of = (kind: string): readonly string[] =>
    names.filter((name) => name.kind === kind).map(({ value }) => value)
  const uris = of('URI')
  return {
    subject: oneLine(certificate.subject),
    commonName: commonNameOf(certificate),
    dnsNames: of('DNS'),
    uris,
    emails: of('email'),
    spiffeId: spiffeIdOf(uris),
    fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    serialNumber: certificate.serialNumber,
    issuer: oneLine(certificate.issuer),
    verified,
  }
}

/** RFC 4514: most specific first. Node prints one attribute per line, most general first, escaped as RFC 2253 says. */
function oneLine(distinguishedName: string): string {
  return distinguishedName.split('\n').toReversed().join(',')
}

/** The last one is the most specific; there can be several. */
function commonNameOf(certificate: X509Certificate): string | undefined {
  const names: unknown = certificate.toLegacyObject().subject?.CN
  const [last] = [names].flat().toReversed()
  return typeof last === 'string' ? last : undefined
}

/** A SPIFFE document has exactly one URI (X509-SVID §2): with more of them, nobody can say which one is meant. */
function spiffeIdOf(uris: readonly string[]): string | undefined {
  const [only] = uris
  return uris.length === 1 && only?.startsWith('spiffe://') === true ? only : undefined
}

/** For log lines: who it is, and whether that is more than a claim. */
export function peerLabel({ spiffeId, subject, fingerprint256, verified }: PeerIdentity): string {
  const name = spiffeId ?? (subject === '' ? `sha256:${fingerprint256}` : subject)
  return verified ? name : `not verified: ${name}`
}
