// Rules across the keys of TLS towards a server: what contradicts itself, or would do nothing.
import {
  chooseGroups,
  type ClientTlsDocument,
  impossibleChoices,
  keyIdentifierProblem,
} from '../tls/index.ts'
import type { Finding } from './cross-checks.ts'

type Key = keyof ClientTlsDocument

/** A finding before it is known where the key was written. */
export type WrongKey = Omit<Finding, 'path'> & { readonly key: Key }

/** Everything that is wrong with TLS as it holds at an endpoint, its files aside. */
export function checkClientTlsKeys(tls: ClientTlsDocument): readonly WrongKey[] {
  return [...checkVersions(tls), ...checkGroups(tls), ...checkTrust(tls), ...checkCredential(tls)]
}

function checkVersions(tls: ClientTlsDocument): readonly WrongKey[] {
  const { min_version: min = '1.2', max_version: max = '1.3' } = tls
  if (min > max) {
    const key = tls.max_version === undefined ? 'min_version' : 'max_version'
    const [expected, got] =
      key === 'max_version'
        ? [`at least min_version, "${min}"`, max]
        : [`at most max_version, "${max}"`, min]
    return [{ key, expected, got: JSON.stringify(got), mend: 'correct one of the two' }]
  }
  if (min !== '1.3' || tls.cipher_suites === undefined) {
    return impossibleChoices({
      minVersion: min,
      maxVersion: max,
      cipherSuites: tls.cipher_suites,
      curvePreferences: tls.curve_preferences,
    })
  }
  const got = 'suites of TLS 1.2 with min_version "1.3"'
  const mend = 'remove it: the suites of TLS 1.3 are always on'
  return [{ key: 'cipher_suites', expected: 'suites that can be used', got, mend }]
}

function checkGroups({ curve_preferences: wanted }: ClientTlsDocument): readonly WrongKey[] {
  if (wanted === undefined || chooseGroups(wanted).groups.length > 0) return []
  const expected = 'a group that this runtime has'
  const mend = 'add X25519 or P-256, or remove the key'
  return [{ key: 'curve_preferences', expected, got: wanted.join(', '), mend }]
}

function checkTrust(tls: ClientTlsDocument): readonly WrongKey[] {
  if (tls.insecure_skip_verify !== true) {
    if (tls.system_roots !== false || tls.ca_cert !== undefined) return []
    const mend = 'name a ca_cert, or remove system_roots'
    return [{ key: 'system_roots', expected: 'somebody to trust', got: 'nobody', mend }]
  }
  const voided = [
    tls.pinned_certificates !== undefined &&
      tls.pinned_certificates.length > 0 &&
      'pinned_certificates',
    tls.pinned_certificates_file !== undefined && 'pinned_certificates_file',
    tls.ca_cert !== undefined && 'ca_cert',
    tls.system_roots === true && 'system_roots',
    tls.check_hostname === true && 'check_hostname',
  ].filter((key) => key !== false)
  return voided.map((key) => ({
    key: 'insecure_skip_verify',
    expected: `false together with ${key}`,
    got: `true, which verifies nothing, ${key} included`,
    mend: `remove insecure_skip_verify, or ${key}`,
  }))
}

function checkCredential(tls: ClientTlsDocument): readonly WrongKey[] {
  const { cert_file: cert, key_file: key, pfx_file: pfx } = tls
  const wrong: WrongKey[] = []
  const needs = (having: Key, lacking: Key): void => {
    if (tls[having] === undefined || tls[lacking] !== undefined) return
    const mend = `add ${lacking}, or remove ${having}`
    wrong.push({ key: having, expected: `${lacking} beside it`, got: 'none', mend })
  }
  const { key_engine: engine, key_identifier: identifier } = tls
  const others = { cert_file: cert, key_file: key, key_engine: engine, key_identifier: identifier }
  const [other] = Object.entries(others).flatMap(([name, it]) => (it === undefined ? [] : name))
  if (pfx !== undefined && other !== undefined) {
    const got = `${other} as well`
    wrong.push({ key: 'pfx_file', expected: 'one certificate', got, mend: 'remove one of the two' })
    return wrong
  }
  if (key !== undefined && (engine !== undefined || identifier !== undefined)) {
    const expected = 'either key_file, or key_engine and key_identifier'
    const at = engine === undefined ? 'key_identifier' : 'key_engine'
    wrong.push({ key: at, expected, got: 'both', mend: 'remove one of the two' })
    return wrong
  }
  if (engine === undefined && identifier === undefined) needs('cert_file', 'key_file')
  needs('key_engine', 'key_identifier')
  needs('key_identifier', 'key_engine')
  needs('key_engine', 'cert_file')
  needs('key_file', 'cert_file')
  const unread = keyIdentifierProblem(tls)
  if (unread !== undefined) wrong.push({ key: 'key_identifier', ...unread })
  needs('key_password', 'key_file')
  needs('password', 'pfx_file')
  return wrong
}
