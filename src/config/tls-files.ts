// Whether the TLS of the listeners can be used at all: keys that go together, and files that are in order, so that a wrong
// path is a fault with a line and not a failure at start. What is in the files is judged by src/tls.
import {
  type CredentialDocument,
  impossibleChoices,
  keyIdentifierProblem,
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

/** What is unsafe and was asked for, or cannot be had here. The gateway says the same at every start. */
export function tlsRemarks(draft: Draft): readonly Remark[] {
  return draft.tls.flatMap(({ index, value: tls }) =>
    warnAboutServerTls({
      ...choicesOf(tls),
      clientAuth: toClientAuth(tls.client_auth),
      insecureAllowReadableKeys: tls.insecure_allow_readable_keys,
    }).map(({ key, message }) => ({ path: ['listeners', index, 'tls', key], message })),
  )
}

function choicesOf(tls: ServerTlsDocument) {
  return {
    minVersion: tls.min_version,
    maxVersion: tls.max_version,
    cipherSuites: tls.cipher_suites,
    curvePreferences: tls.curve_preferences,
  }
}

export interface TlsFilesContext {
  readonly resolvePath: (written: string) => string
  readonly nowMs: number
  readonly isWritten: (path: Path) => boolean
}

export function checkTlsFiles(
  draft: Draft,
  { resolvePath, nowMs, isWritten }: TlsFilesContext,
): readonly Finding[] {
  return draft.tls.flatMap(({ index, value: tls }) => {
    const base: Path = ['listeners', index, 'tls']
    const unfit = [
      ...checkCredentials(base, tls),
      ...checkVersions(base, tls, isWritten),
      ...checkClients(base, tls),
    ]
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
  const { key_engine: engine, key_identifier: identifier } = document
  const isInEngine = engine !== undefined || identifier !== undefined
  const found: Finding[] = []
  const needs = (given: string, needed: string, missing: boolean): void => {
    if (!missing) return
    const mend = `add ${needed}, or remove ${given}`
    found.push({ path: [...path, given], expected: `${needed} beside it`, got: 'none', mend })
  }
  if (pfx !== undefined && (cert !== undefined || key !== undefined || isInEngine)) {
    found.push({
      path: [...path, 'pfx_file'],
      expected: 'either pfx_file, or cert_file and key_file',
      got: 'both',
      mend: 'remove one of the two',
    })
  } else if (key !== undefined && isInEngine) {
    found.push({
      path: [...path, engine === undefined ? 'key_identifier' : 'key_engine'],
      expected: 'either key_file, or key_engine and key_identifier',
      got: 'both',
      mend: 'remove one of the two',
    })
  } else if (pfx === undefined && cert === undefined && key === undefined && !isInEngine) {
    const expected = 'cert_file and key_file, or pfx_file'
    found.push({ path, expected, got: 'none of them', mend: 'add the files of a certificate' })
  } else {
    needs('cert_file', 'key_file', cert !== undefined && key === undefined && !isInEngine)
    needs('key_engine', 'key_identifier', engine !== undefined && identifier === undefined)
    needs('key_identifier', 'key_engine', identifier !== undefined && engine === undefined)
    needs('key_engine', 'cert_file', engine !== undefined && cert === undefined)
    needs('key_file', 'cert_file', key !== undefined && cert === undefined)
  }
  const wrong = keyIdentifierProblem(document)
  if (wrong !== undefined) found.push({ path: [...path, 'key_identifier'], ...wrong })
  needs('key_password', 'key_file', document.key_password !== undefined && key === undefined)
  needs('password', 'pfx_file', document.password !== undefined && pfx === undefined)
  return found
}

/** Versions, suites and groups that contradict each other. */
function checkVersions(
  base: Path,
  tls: ServerTlsDocument,
  isWritten: (path: Path) => boolean,
): readonly Finding[] {
  const { min_version: min, max_version: max } = tls
  if (min > max) {
    const path = [...base, 'min_version']
    if (isWritten(path)) {
      const expected = `at most max_version, "${max}"`
      return [{ path, expected, got: `"${min}"`, mend: 'lower it, or raise max_version' }]
    }
    return [
      {
        path: [...base, 'max_version'],
        expected: `at least min_version, which is "${min}" where it is not written`,
        got: `"${max}"`,
        mend: 'raise it, or set min_version as well',
      },
    ]
  }
  if (min === '1.3' && tls.cipher_suites !== undefined) {
    return [
      {
        path: [...base, 'cipher_suites'],
        expected: 'a listener that speaks TLS 1.2 or below, as the suites are for those',
        got: 'min_version "1.3"',
        mend: 'remove cipher_suites, or lower min_version',
      },
    ]
  }
  return impossibleChoices(choicesOf(tls)).map(({ key, ...problem }) => ({
    path: [...base, key],
    ...problem,
  }))
}

/** Keys about clients that contradict each other, or would do nothing. */
function checkClients(base: Path, tls: ServerTlsDocument): readonly Finding[] {
  const clientAuth = toClientAuth(tls.client_auth)
  const found: Finding[] = []
  const complain = (key: string, rest: Omit<Finding, 'path'>): void => {
    found.push({ path: [...base, key], ...rest })
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
  'key-engine': 'key_engine',
  'key-identifier': 'key_identifier',
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
