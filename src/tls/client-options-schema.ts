// The config keys of TLS towards a server and how they become ClientTlsOptions. An endpoint's keys stand over those of its
// server. What hangs on more than one key, and what is in the files, is checked by config/.
import type { z } from 'zod'
import { flag, list, path, section, text } from '../core/fields.ts'
import type { ClientTlsOptions } from './client-options.ts'
import { credentialShape, toCredentialOptions } from './credential-options-schema.ts'
import { parsePin, PRINT_A_PIN } from './pins.ts'
import { groupsField, suitesField, versionField } from './server-options-schema.ts'

const pinField = () =>
  text({
    expected: 'a pin: sha256: and the digest in hex or base64, or a thumbprint of 40 hex digits',
    mend: PRINT_A_PIN,
    check: (written) => parsePin(written) !== undefined,
    shown: 'as-is',
  })

/** Without defaults, so that a key which is not written leaves the server's word. */
const clientTlsShape = {
  ca_cert: path('a PEM file with certificates of authorities')
    .optional()
    .describe(
      'PEM file with the authorities to trust, and no others. Without it: those that Node brings, those of `NODE_EXTRA_CA_CERTS` and those of the system.',
    ),
  system_roots: flag()
    .optional()
    .describe('Trust the authorities of Node and the system besides `ca_cert`.'),
  ...credentialShape,
  server_name: text({
    expected: 'a host name or an IP address',
    mend: 'write a name that the certificate has, without port',
    pattern: /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+)$/,
    shown: 'as-is',
  })
    .optional()
    .describe(
      'Name to ask for (SNI) and to find in the certificate. Default: the host of the URL. An IP address is only looked for, never sent.',
    ),
  check_hostname: flag()
    .optional()
    .describe(
      'Whether the certificate must have the name. `false` accepts every certificate of a trusted authority and warns at every start. Default: true.',
    ),
  pinned_certificates: list(pinField(), { expected: 'a list of pins', mend: 'write ["sha256:…"]' })
    .optional()
    .describe(
      'The certificate must be one of these, on top of everything else that is checked, resumed sessions included: `sha256:` with the digest of the certificate or of its public key (SPKI), in hex or base64. A SHA-1 thumbprint of 40 hex digits is taken with a warning. Another certificate fails the call with GW_UPSTREAM_TLS (502).',
    ),
  pinned_certificates_file: path('a file with pins')
    .optional()
    .describe(
      'File with more pins, one `sha256:` pin to a line; what follows a `#` means nothing. It is read anew when it changes, so that the next pin can be added before the certificate is renewed.',
    ),
  min_version: versionField()
    .optional()
    .describe(
      'Oldest version of TLS. Below "1.2" there is a warning at every start, and the security level of OpenSSL is lowered for these connections alone. Default: "1.2".',
    ),
  max_version: versionField().optional().describe('Newest version of TLS. Default: "1.3".'),
  cipher_suites: suitesField()
    .optional()
    .describe(
      'Cipher suites of TLS 1.2 and below by IANA name; the three of TLS 1.3 are always on. Default: ECDHE with AES-GCM or ChaCha20-Poly1305.',
    ),
  curve_preferences: groupsField()
    .optional()
    .describe(
      'Key exchange groups in order of preference. One that the runtime lacks is left out with a warning. Default: X25519MLKEM768 where the runtime has it, X25519, P-256, P-384.',
    ),
  insecure_skip_verify: flag()
    .optional()
    .describe(
      'Verify nothing: whoever is on the way can read and change every call. Said at every start and in `/readyz`. Not together with what it would void, such as `pinned_certificates`. Default: false.',
    ),
  insecure_allow_readable_keys: flag()
    .optional()
    .describe('Use a key file although everybody on the machine can read it. Said at every start.'),
}

export const clientTlsSchema = section(clientTlsShape)

export type ClientTlsDocument = z.output<typeof clientTlsSchema>

/** Says who the gateway is: one key from each side would make a pair that belongs to nobody. */
const CREDENTIAL_KEYS = Object.keys(credentialShape) as (keyof typeof credentialShape)[]

/**
 * What holds at an endpoint: its own keys over those of its server, one by one; those of the client certificate together.
 */
export function mergeClientTls(
  server: ClientTlsDocument | undefined,
  endpoint: ClientTlsDocument | undefined,
): ClientTlsDocument | undefined {
  if (server === undefined || endpoint === undefined) return endpoint ?? server
  const inherited = { ...server }
  if (CREDENTIAL_KEYS.some((key) => endpoint[key] !== undefined)) {
    for (const key of CREDENTIAL_KEYS) delete inherited[key]
  }
  return { ...inherited, ...endpoint }
}

export function toClientTlsOptions(
  document: ClientTlsDocument,
  resolvePath: (written: string) => string,
): ClientTlsOptions {
  const { ca_cert: ca, pinned_certificates: pins = [], pinned_certificates_file: file } = document
  return {
    caFile: ca === undefined ? undefined : resolvePath(ca),
    systemRoots: document.system_roots ?? ca === undefined,
    credential: toCredentialOptions(document, resolvePath),
    serverName: document.server_name,
    checkHostname: document.check_hostname ?? true,
    pins: pins.flatMap((written) => parsePin(written) ?? []),
    pinsFile: file === undefined ? undefined : resolvePath(file),
    minVersion: document.min_version ?? '1.2',
    maxVersion: document.max_version ?? '1.3',
    cipherSuites: document.cipher_suites,
    curvePreferences: document.curve_preferences,
    insecureSkipVerify: document.insecure_skip_verify ?? false,
    insecureAllowReadableKeys: document.insecure_allow_readable_keys ?? false,
  }
}
