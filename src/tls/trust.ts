// Who is let in by certificate: the authorities, what they have revoked, and whether a client that was let in before would be
// let in now. New connections are judged by OpenSSL; this is for those that are open, and for resumed sessions.
import { createHash, type X509Certificate } from 'node:crypto'
import { type Authorities, readAuthorities } from './authorities.ts'
import { isIssuerOf, isSelfIssued } from './chain.ts'
import type { Reading } from './material.ts'
import { isRevoked, readRevocationLists, type RevocationLists } from './revocation.ts'
import type { ClientAuth, ServerTlsOptions } from './server-options.ts'
import type { Expiring } from './source.ts'
import { validityProblem } from './validity.ts'

export interface Trust {
  readonly clientAuth: ClientAuth
  readonly authorities: Authorities | undefined
  readonly lists: RevocationLists | undefined
  /** Of everything above: the same in every process that trusts the same. */
  readonly fingerprint: Buffer
  readonly files: readonly string[]
  readonly expiring: readonly Expiring[]
}

export type TrustOptions = Pick<ServerTlsOptions, 'clientAuth' | 'clientCaFile' | 'crlFile'>

export function readTrust(
  { clientAuth, clientCaFile, crlFile }: TrustOptions,
  nowMs: number,
): Reading<Trust> {
  if (clientAuth === 'none' || clientCaFile === undefined) {
    return { ok: true, value: toTrust(clientAuth, undefined, undefined) }
  }
  const authorities = readAuthorities(clientCaFile, nowMs)
  if (!authorities.ok) return authorities
  if (crlFile === undefined) {
    return { ok: true, value: toTrust(clientAuth, authorities.value, undefined) }
  }
  const { certificates } = authorities.value
  const lists = readRevocationLists(crlFile, { authorities: certificates, nowMs })
  return lists.ok ? { ok: true, value: toTrust(clientAuth, authorities.value, lists.value) } : lists
}

function toTrust(
  clientAuth: ClientAuth,
  authorities: Authorities | undefined,
  lists: RevocationLists | undefined,
): Trust {
  const hash = createHash('sha256').update(clientAuth)
  for (const pem of [...(authorities?.pems ?? []), ...(lists?.pems ?? [])]) {
    // Each with its length, so that no two lists of texts give the same bytes.
    hash.update(`\n${pem.length}\n`).update(pem)
  }
  return {
    clientAuth,
    authorities,
    lists,
    fingerprint: hash.digest(),
    files: [authorities, lists].flatMap((each) => each?.file ?? []),
    expiring: [authorities, lists].flatMap((each) => each?.expiring ?? []),
  }
}

/** Whether someone who was let in before may have to go: an authority is gone, or the lists are others. */
export function hasShrunk(before: Trust, after: Trust): boolean {
  const left = new Set(after.authorities?.pems)
  const isGone = before.authorities?.pems.some((pem) => !left.has(pem)) ?? false
  return isGone || before.lists?.pems.join('\n') !== after.lists?.pems.join('\n')
}

/** A client certificate with the authorities below the root that the client sent along. */
export type PresentedChain = readonly [X509Certificate, ...X509Certificate[]]

/** A path that is longer than any real one; OpenSSL stops at a hundred. */
const MAX_PATH = 10

/**
 * Whether a chain that OpenSSL has verified in its handshake still leads to a trusted root, and everybody on the way there is
 * valid and on nobody's list.
 */
export function isStillTrusted(
  { authorities, lists }: Trust,
  [leaf, ...others]: PresentedChain,
  nowMs: number,
): boolean {
  const known = authorities?.certificates ?? []
  const isGood = (certificate: X509Certificate): boolean =>
    validityProblem(certificate, nowMs) === undefined && !(lists && isRevoked(certificate, lists))
  let at: X509Certificate | undefined = leaf
  for (let length = 0; at !== undefined && length < MAX_PATH; length += 1) {
    const certificate: X509Certificate = at
    if (!isGood(certificate)) return false
    const isNext = (other: X509Certificate): boolean =>
      isGood(other) && isIssuerOf(other, certificate)
    const authority = known.find(isNext)
    if (authority !== undefined && isSelfIssued(authority)) return true
    at = authority ?? others.find(isNext)
  }
  return false
}
