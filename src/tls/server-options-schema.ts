// The config keys of TLS on a listener and how they become ServerTlsOptions. What hangs on more than one key, and what is in
// the files, is checked by config/.
import { z } from 'zod'
import {
  choice,
  duration,
  flag,
  list,
  path,
  section,
  text,
  toMs,
  withNotes,
} from '../core/fields.ts'
import { credentialShape, toCredentialOptions } from './credential-options-schema.ts'
import { GROUP_NAMES } from './groups.ts'
import type { ClientAuth, ServerTlsOptions } from './server-options.ts'
import { SUITE_NAMES } from './suites.ts'
import { TLS_VERSIONS } from './versions.ts'

/** A version of TLS, which YAML reads as a number unless it is quoted. */
export const versionField = () =>
  withNotes(z.enum(TLS_VERSIONS), {
    expected: `one of ${TLS_VERSIONS.map((version) => `"${version}"`).join(', ')}`,
    mend: 'write it in quotes, like "1.2"',
    shown: 'as-is',
  })

export const suitesField = () =>
  list(
    text({
      expected: 'a cipher suite of TLS 1.2 by its IANA name',
      mend: `those of TLS 1.3 are always on; known for 1.2 and below: ${SUITE_NAMES.join(', ')}`,
      pattern: /^[A-Z0-9_]+$/,
      check: (name) => SUITE_NAMES.includes(name),
      shown: 'as-is',
    }),
    {
      expected: 'a list with at least one cipher suite',
      mend: 'write [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384], or remove the key',
      min: 1,
    },
  )

export const groupsField = () =>
  list(choice(GROUP_NAMES), {
    expected: 'a list with at least one group',
    mend: 'write [X25519MLKEM768, X25519, P-256], or remove the key',
    min: 1,
  })

const credentialSchema = section(credentialShape)

/** In the words of Python as well, which has numbers; environments and templates make texts of them. */
const CLIENT_AUTH = ['none', 'request', 'require', 'verify', 0, 1, 2, '0', '1', '2'] as const

export const serverTlsSchema = section({
  ...credentialShape,
  certificates: list(credentialSchema, {
    expected: 'a list of certificates',
    mend: 'write [{cert_file: b.crt, key_file: b.key}]',
    max: 100,
  })
    .default([])
    .describe(
      'More certificates, with the same keys. A client gets the one for the name it asks for (SNI, exact before wildcard); without a name, or with one that none is for, that of `cert_file`. Two for the same name with keys of different kinds, RSA and EC, are served side by side. On Node below 24 several names need certificates of one kind.',
    ),
  min_version: versionField()
    .default('1.2')
    .describe(
      'Oldest version of TLS. Below "1.2" there is a warning at every start, and the security level of OpenSSL is lowered for this listener alone.',
    ),
  max_version: versionField().default('1.3').describe('Newest version of TLS.'),
  cipher_suites: suitesField()
    .optional()
    .describe(
      'Cipher suites of TLS 1.2 and below by IANA name, in order of preference; the three of TLS 1.3 are always on. At least one must go with the key of each certificate. Default: ECDHE with AES-GCM or ChaCha20-Poly1305.',
    ),
  curve_preferences: groupsField()
    .optional()
    .describe(
      'Key exchange groups in order of preference. One that the runtime lacks is left out with a warning. Default: X25519MLKEM768 where the runtime has it, X25519, P-256, P-384.',
    ),
  client_auth: withNotes(z.literal(CLIENT_AUTH), {
    expected: 'one of none, request, require, verify',
    mend: 'choose one of them; 0, 1 and 2 are taken for none, request and verify',
    shown: 'as-is',
  })
    .default('none')
    .describe(
      'Client certificates. `none`: not asked for. `request`: asked for, and everybody is let in, whatever they have. `require`: needed, but not verified, so it proves nothing. `verify`: needed, from an authority in `client_ca_file`, valid now, for client authentication (or for no particular purpose), and not in `crl_file`. 0, 1 and 2 (`ssl_cert_reqs` of Python) stand for none, request and verify.',
    ),
  client_ca_file: path('a PEM file with certificates of authorities')
    .optional()
    .describe(
      'PEM file with the authorities that vouch for clients; needed by `verify`. With `request` it decides whether an identity counts as verified.',
    ),
  crl_file: path('a PEM file with revocation lists')
    .optional()
    .describe(
      'PEM file with the revocation lists of the authorities in `client_ca_file`, one for each of them. When one of them expires, clients are refused until there is a new one.',
    ),
  forward_client_identity: flag()
    .default(false)
    .describe(
      'Tell servers behind URLs who a verified client is: `X-Forwarded-Client-Cert` with fingerprint, subject and alternative names of its certificate, in the form of Envoy. What clients send under this name, or as `Client-Cert` (RFC 9440), never passes, whether this is set or not.',
    ),
  ticket_rotation: duration({ min: '1m', max: '7d' })
    .default('12h')
    .describe(
      'How long session tickets are sealed with one key (RFC 5077 §5.5). With `sessions.keys` they are derived from the first of those, so that replicas which share it resume each other’s TLS sessions; without, they are random and each is forgotten after its turn. A change of `client_auth`, `client_ca_file` or `crl_file` changes the key at once.',
    ),
  insecure_allow_readable_keys: flag()
    .default(false)
    .describe(
      'Use key files although everybody on the machine can read them. Said again in the log at every start.',
    ),
})

export type ServerTlsDocument = z.output<typeof serverTlsSchema>

const MEANINGS: Readonly<Record<`${ServerTlsDocument['client_auth']}`, ClientAuth>> = {
  none: 'none',
  request: 'request',
  require: 'require',
  verify: 'verify',
  0: 'none',
  1: 'request',
  2: 'verify',
}

/** Python's `ssl_cert_reqs` (CERT_NONE 0, CERT_OPTIONAL 1, CERT_REQUIRED 2) in the words of `client_auth`. */
export function toClientAuth(written: ServerTlsDocument['client_auth']): ClientAuth {
  return MEANINGS[`${written}` as const]
}

export function toServerTlsOptions(
  document: ServerTlsDocument,
  resolvePath: (written: string) => string,
): ServerTlsOptions {
  const { client_ca_file: clientCa, crl_file: crl } = document
  return {
    credentials: [document, ...document.certificates].map((each) => {
      const credential = toCredentialOptions(each, resolvePath)
      if (credential === undefined) throw new Error('a certificate that the checks let through')
      return credential
    }),
    minVersion: document.min_version,
    maxVersion: document.max_version,
    cipherSuites: document.cipher_suites,
    curvePreferences: document.curve_preferences,
    clientAuth: toClientAuth(document.client_auth),
    clientCaFile: clientCa === undefined ? undefined : resolvePath(clientCa),
    crlFile: crl === undefined ? undefined : resolvePath(crl),
    forwardClientIdentity: document.forward_client_identity,
    insecureAllowReadableKeys: document.insecure_allow_readable_keys,
    ticketRotationMs: toMs(document.ticket_rotation),
  }
}
