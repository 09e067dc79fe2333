// What other products call the keys of TLS, so that a key that was copied from their documentation leads to ours. Mistakes in
// typing are the business of suggest.ts.
import { normalise } from './suggest.ts'

/** Our keys with what others call them: Python's ssl and uvicorn, Go, nginx, Envoy, curl. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  tls: ['ssl', 'https', 'mtls'],
  cert_file: ['cert', 'certfile', 'cert_path', 'certificate', 'ssl_certfile', 'ssl_certificate'],
  key_file: ['key', 'keyfile', 'key_path', 'private_key', 'private_key_file', 'ssl_keyfile'].concat(
    ['ssl_certificate_key'],
  ),
  key_password: ['keyfile_password', 'key_passphrase', 'passphrase', 'ssl_keyfile_password'],
  pfx_file: ['pfx', 'pkcs12', 'pkcs12_file', 'p12_file'],
  // One of the two, by what the section has.
  client_ca_file: [
    'ca',
    'ca_bundle',
    'ca_certs',
    'ca_file',
    'cafile',
    'client_ca',
    'ssl_ca_certs',
  ].concat(['ssl_client_certificate', 'trusted_ca']),
  ca_cert: [
    'ca',
    'ca_bundle',
    'ca_certs',
    'ca_file',
    'cafile',
    'root_ca',
    'root_cas',
    'trusted_ca',
  ].concat(['proxy_ssl_trusted_certificate']),
  crl_file: ['crl', 'ssl_crl'],
  client_auth: [
    'ssl_cert_reqs',
    'cert_reqs',
    'client_auth_type',
    'verify_client',
    'ssl_verify_client',
  ].concat(['require_client_cert', 'require_client_certificate', 'verify_mode']),
  insecure_skip_verify: ['insecure', 'insecure_skip_tls_verify', 'skip_tls_verify', 'skip_verify'],
  server_name: ['sni', 'servername', 'server_hostname', 'proxy_ssl_name'],
  check_hostname: ['verify_hostname', 'assert_hostname'],
  pinned_certificates: ['pins', 'fingerprints', 'thumbprints', 'allowed_certificate_thumbprints'],
  min_version: ['min_tls_version', 'tls_min_version', 'minimum_version', 'ssl_min_version'],
  max_version: ['max_tls_version', 'tls_max_version', 'maximum_version', 'ssl_max_version'],
  cipher_suites: ['ciphers', 'ssl_ciphers', 'tls_ciphers'],
  curve_preferences: ['curves', 'groups', 'ecdh_curve', 'ssl_ecdh_curve', 'named_groups'],
}

/** The known key that another product calls `written`. */
export function synonymOf(written: string, known: readonly string[]): string | undefined {
  const name = normalise(written)
  return known.find((key) => SYNONYMS[key]?.includes(name))
}

/**
 * What to do instead of a key of TLS whose meaning hangs on its value. Of the value nothing is looked at but whether it is
 * true or false.
 */
export function mendForeignKey(
  written: string,
  value: unknown,
  known: readonly string[],
): string | undefined {
  const name = normalise(written)
  const isTls = known.includes('cert_file') && known.includes('min_version')
  if (!isTls) return undefined
  if (name === 'enabled') {
    return value === false
      ? 'remove the section: tls is on where it is there'
      : 'remove it: tls is on where the section is there'
  }
  if (name !== 'verify' && name !== 'ssl_verify' && name !== 'tls_verify') return undefined
  if (known.includes('client_auth')) {
    return value === false
      ? 'remove it: clients are not verified unless client_auth says so'
      : 'write client_auth: verify, with client_ca_file beside it'
  }
  if (value === false) {
    return 'name the authority of the server in ca_cert; insecure_skip_verify: true believes whoever answers'
  }
  return value === true
    ? 'remove it: servers are always verified'
    : 'remove it: servers are always verified, against ca_cert if you name it'
}
