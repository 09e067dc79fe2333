// Whether a certificate comes with what a peer needs to get from it to a root that it knows.
import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import type { MaterialProblem } from './material.ts'
import { validityProblem } from './validity.ts'

/** Leaf first, each followed by its issuer. */
export type Chain = readonly [X509Certificate, ...X509Certificate[]]

type Wrong = Pick<MaterialProblem, 'expected' | 'got' | 'mend'>

export function isSelfIssued({ subject, issuer }: X509Certificate): boolean {
  return subject === issuer
}

export function isIssuerOf(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** The leaf of certificates in any order, followed by its issuers as far as they are there. */
export function orderChain(leaf: X509Certificate, others: readonly X509Certificate[]): Chain {
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf]
  for (let at: X509Certificate | undefined = leaf; at !== undefined && !isSelfIssued(at); ) {
    const current: X509Certificate = at
    at = others.find((other) => !chain.includes(other) && isIssuerOf(other, current))
    if (at !== undefined) chain.push(at)
  }
  return chain
}

/** What would keep a peer from following the chain. */
export function chainProblem(chain: Chain, nowMs: number): Wrong | undefined {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer === undefined) break
    if (!isIssuerOf(issuer, certificate)) return brokenLink(certificate, issuer)
    // Nobody looks at the dates of a root, they trust it as it is.
    const expired = isSelfIssued(issuer) ? undefined : validityProblem(issuer, nowMs)
    if (expired !== undefined) {
      const got = `${nameOf(issuer)} in its chain: ${expired.got}`
      return { ...expired, got, mend: 'replace the chain by the one the authority has now' }
    }
  }
  return isIncomplete(chain) ? incomplete(chain[0]) : undefined
}

function brokenLink(certificate: X509Certificate, next: X509Certificate): Wrong {
  return {
    expected: 'a complete chain, each certificate followed by its issuer',
    got: `${nameOf(next)} after ${nameOf(certificate)}, which ${issuerName(certificate)} issued`,
    mend: 'put the certificates in order: leaf first, then what issued it, and so on',
  }
}

function incomplete(leaf: X509Certificate): Wrong {
  return {
    expected: 'a complete chain',
    got: `the certificate alone, without that of its issuer, ${issuerName(leaf)}`,
    mend: 'append the certificate of the issuer; the authority offers it as "full chain"',
  }
}

/**
 * A leaf on its own is complete if a root issued it, and only peers know their roots. But a certificate that says where its
 * issuer's can be fetched (RFC 5280 §4.2.2.1) says so because peers do not have it: public authorities never issue with
 * the root itself, and most clients do not fetch.
 */
function isIncomplete([leaf, issuer]: Chain): boolean {
  if (issuer !== undefined || isSelfIssued(leaf)) return false
  return /^CA Issuers - URI:/m.test(leaf.infoAccess ?? '') && !isIssuedByPublicRoot(leaf)
}

function isIssuedByPublicRoot(leaf: X509Certificate): boolean {
  return rootCertificates.some((pem) => leaf.checkIssued(new X509Certificate(pem)))
}

/** The common name, else the whole subject, in quotes. */
export function nameOf({ subject }: X509Certificate): string {
  return shortName(subject)
}

export function issuerName({ issuer }: X509Certificate): string {
  return shortName(issuer)
}

/** Names come from certificates, so their length is bounded, and a line break would forge a line of the log. */
const MAX_NAME_CHARS = 100

/** Node prints one attribute per line. */
export function shortName(distinguishedName: string): string {
  const lines = distinguishedName.split('\n')
  const common = lines.findLast((line) => line.startsWith('CN='))
  const name = common?.slice('CN='.length) ?? lines.join(', ')
  return JSON.stringify(name.slice(0, MAX_NAME_CHARS))
}
