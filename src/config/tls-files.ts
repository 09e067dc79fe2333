// Whether the TLS of the listeners can be used at all: keys that go together, and files that are in order, so that a wrong
// path is a fault with a line and not a failure at start. What is in the files is judged by src/tls.
import {
  type CredentialDocument,
  readServerMaterial,
  type ServerPart,
  type ServerProblem,
  type ServerTlsDocument,
  toClientAuth,
  toServerTlsOptions,
  warnAboutServerTls,
} from '../tls/index.ts'
import type { Finding, Remark } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import type { Path } from './fault.ts'

type ResolvePath = (written: string) => string

/** What is unsafe and was asked for, or cannot be had here. The gateway says the same at every start. */
export function tlsRemarks(draft: Draft): readonly Remark[] {
  return draft.tls.flatMap(({ index, value: tls }) =>
    warnAboutServerTls({
      minVersion: tls.min_version,
      cipherSuites: tls.cipher_suites,
      curvePreferences: tls.curve_preferences,
      clientAuth: toClientAuth(tls.client_auth),
      insecureAllowReadableKeys: tls.insecure_allow_readable_keys,
    }).map(({ key, message }) => ({ path: ['listeners', index, 'tls', key], message })),
  )
}

export function checkTlsFiles(
  draft: Draft,
  resolvePath: ResolvePath,
  nowMs: number,
): readonly Finding[] {
  return draft.tls.flatMap(({ index, value: tls }) => {
    const base: Path = ['listeners', index, 'tls']
    const unfit = [...checkCredentials(base, tls), ...checkChoices(base, tls)]
    // Files of a certificate that lacks its key say nothing that would not change with the mend.
    if (unfit.length > 0) return unfit
    const reading = readServerMaterial(toServerTlsOptions(tls, resolvePath), nowMs)
    return reading.ok ? [] : reading.problems.map((problem) => toFinding(base, problem))
  })
}

/** Either certificate and key, or both in one file; in the section itself and in each of `certificates`. */
function checkCredentials(base: Path, tls: ServerTlsDocument): readonly Finding[] {
  return [
    ...checkCredential(base, tls),
    ...tls.certificates.flatMap((each, at) => checkCredential([...base, 'certificates', at], each)),
  ]
}

function checkCredential(path: Path, document: CredentialDocument): readonly Finding[] {
  const { cert_file: cert, key_file: key, pfx_file: pfx } = document
  const found: Finding[] = []
  const needs = (given: string, needed: string, missing: boolean): void => {
    if (!missing) return
    const mend = `add ${needed}, or remove ${given}`
    found.push({ path: [...path, given], expected: `${needed} beside it`, got: 'none', mend })
  }
  if (pfx !== undefined && (cert !== undefined || key !== undefined)) {
    found.push({
      path: [...path, 'pfx_file'],
      expected: 'either pfx_file, or cert_file and key_file',
      got: 'both',
      mend: 'remove one of the two',
    })
  } else if (pfx === undefined && cert === undefined && key === undefined) {
    const expected = 'cert_file and key_file, or pfx_file'
    found.push({ path, expected, got: 'none of them', mend: 'add the files of a certificate' })
  } else {
    needs('cert_file', 'key_file', cert !== undefined && key === undefined)
    needs('key_file', 'cert_file', key !== undefined && cert === undefined)
  }
  needs('key_password', 'key_file', document.key_password !== undefined && key === undefined)
  needs('password', 'pfx_file', document.password !== undefined && pfx === undefined)
  return found
}

/** Keys that contradict each other, or would do nothing. */
function checkChoices(base: Path, tls: ServerTlsDocument): readonly Finding[] {
  const clientAuth = toClientAuth(tls.client_auth)
  const found: Finding[] = []
  const complain = (key: string, rest: Omit<Finding, 'path'>): void => {
    found.push({ path: [...base, key], ...rest })
  }
  if (tls.min_version > tls.max_version) {
    complain('min_version', {
      expected: `at most max_version, "${tls.max_version}"`,
      got: `"${tls.min_version}"`,
      mend: 'lower it, or raise max_version',
    })
  }
  if (tls.min_version === '1.3' && tls.cipher_suites !== undefined) {
    complain('cipher_suites', {
      expected: 'a listener that speaks TLS 1.2 or below, as the suites are for those',
      got: 'min_version "1.3"',
      mend: 'remove cipher_suites, or lower min_version',
    })
  }
  if (clientAuth === 'verify' && tls.client_ca_file === undefined) {
    complain('client_auth', {
      expected: 'client_ca_file beside it',
      got: 'none',
      mend: 'name the authorities that vouch for clients in client_ca_file',
    })
  }
  if (tls.client_ca_file !== undefined && clientAuth !== 'verify' && clientAuth !== 'request') {
    complain('client_ca_file', {
      expected: 'client_auth: verify beside it',
      got: `client_auth: ${clientAuth}, which verifies nothing`,
      mend: 'set client_auth: verify, or remove client_ca_file',
    })
  }
  if (tls.crl_file !== undefined && tls.client_ca_file === undefined) {
    complain('crl_file', {
      expected: 'client_ca_file beside it, whose lists these are',
      got: 'none',
      mend: 'add client_ca_file, or remove crl_file',
    })
  }
  if (tls.forward_client_identity && tls.client_ca_file === undefined) {
    complain('forward_client_identity', {
      expected: 'client_ca_file beside it, as only verified clients are told of',
      got: 'none',
      mend: 'add client_auth: verify and client_ca_file, or remove forward_client_identity',
    })
  }
  return found
}

/** Pins are for connections that the gateway makes. */
const KEYS: Readonly<Record<Exclude<ServerPart, 'pins'>, keyof ServerTlsDocument>> = {
  certificate: 'cert_file',
  key: 'key_file',
  'key-password': 'key_password',
  pfx: 'pfx_file',
  'pfx-password': 'password',
  authorities: 'client_ca_file',
  revocation: 'crl_file',
  certificates: 'certificates',
  suites: 'cipher_suites',
  groups: 'curve_preferences',
}

/** Keys of the section alone, whichever certificate they are about. */
const SHARED: ReadonlySet<ServerPart> = new Set(['suites', 'groups', 'certificates'])

function toFinding(base: Path, problem: ServerProblem): Finding {
  const { of, credential = 0, expected, got, mend } = problem
  const isMore = credential > 0 && !SHARED.has(of)
  const key = of === 'pins' ? 'cert_file' : KEYS[of]
  const path = [...base, ...(isMore ? ['certificates', credential - 1] : []), key]
  return { path, expected, got, mend }
}
