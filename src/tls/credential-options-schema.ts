// The config keys of a certificate with its key and how they become CredentialOptions. Which of them go together is a
// check across keys, so that its faults can say what is missing.
import { type DocumentOf, path, secret, text } from '../core/fields.ts'
import type { CredentialOptions } from './credential-options.ts'
import { ADDRESS_ATTRIBUTES, parsePkcs11Uri, type Pkcs11Uri } from './pkcs11-uri.ts'

const password = () =>
  secret({
    expected: 'a password',
    mend: 'write "${KEY_PASSWORD}", or remove the key',
    minLength: 1,
  })

const KEY_IDENTIFIER = {
  expected: 'the address of one key with its PIN, as a pkcs11: URI',
  mend: `write it like "pkcs11:token=gateway;object=tls?pin-source=file:/run/secrets/pin" (RFC 7512), with token or serial, object or id, and pin-source or pin-value; it may have ${ADDRESS_ATTRIBUTES.join(', ')}`,
}

export const credentialShape = {
  cert_file: path('a PEM file with a certificate')
    .optional()
    .describe(
      'PEM file with the certificate, leaf first, followed by its chain. Goes with `key_file`, or with `key_engine` and `key_identifier`; not with `pfx_file`. Relative paths start at the folder of the config file.',
    ),
  key_file: path('a PEM file with a private key')
    .optional()
    .describe(
      'PEM file with the private key of the certificate: RSA, EC or Ed25519, as PKCS#1, PKCS#8 or SEC 1. A file that others than its owner and group can read is refused.',
    ),
  key_password: password().optional().describe('Password of an encrypted `key_file`. Never shown.'),
  key_engine: path('the library of an OpenSSL engine')
    .optional()
    .describe(
      'Library of the OpenSSL engine that signs with a key inside a hardware security module, instead of `key_file`; on Debian `/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so`. The same file everywhere. Which module the engine uses is up to `PKCS11_MODULE_PATH` in the environment, else to p11-kit.',
    ),
  // What is in it is judged beside the other keys: a value that the schema drops would seem to be missing there.
  key_identifier: text(KEY_IDENTIFIER).optional().meta({
    pattern: '^pkcs11:[!-~]+$',
    description:
      'The key for `key_engine`: a `pkcs11:` URI (RFC 7512) with `token` or `serial`, with `object` or `id`, and with the PIN: `pin-source=file:` and a path, or `pin-value=${PIN}`, where characters other than letters and digits are percent-encoded. Never shown.',
  }),
  pfx_file: path('a PKCS#12 file')
    .optional()
    .describe(
      'PKCS#12 file (.pfx, .p12) with certificate, chain and key, instead of `cert_file` and `key_file`.',
    ),
  password: password().optional().describe('Password of `pfx_file`. Never shown.'),
}

export type CredentialDocument = DocumentOf<typeof credentialShape>

/** What is wrong with `key_identifier` by itself; without a word of what it says. */
export function keyIdentifierProblem({ key_identifier: written }: CredentialDocument) {
  if (written === undefined || parsePkcs11Uri(written) !== undefined) return undefined
  return { ...KEY_IDENTIFIER, got: 'something else (not shown)' }
}

type ResolvePath = (written: string) => string

/** Undefined: the keys do not make one credential, as the check across keys says. */
export function toCredentialOptions(
  document: CredentialDocument,
  resolvePath: ResolvePath,
): CredentialOptions | undefined {
  const { cert_file: cert, key_file: key, key_password: keyPassword, pfx_file: pfx } = document
  if (pfx !== undefined) {
    return { kind: 'pfx', pfxFile: resolvePath(pfx), password: document.password }
  }
  if (cert === undefined) return undefined
  const { key_engine: engine, key_identifier: identifier } = document
  if (engine !== undefined && identifier !== undefined) {
    const uri = parsePkcs11Uri(identifier)
    if (uri === undefined) return undefined
    const certFile = resolvePath(cert)
    return {
      kind: 'engine',
      certFile,
      engineFile: resolvePath(engine),
      uri: resolvePin(uri, resolvePath),
    }
  }
  if (key === undefined) return undefined
  return { kind: 'pem', certFile: resolvePath(cert), keyFile: resolvePath(key), keyPassword }
}

function resolvePin(uri: Pkcs11Uri, resolvePath: ResolvePath): Pkcs11Uri {
  if (uri.pin.kind === 'value') return uri
  return { ...uri, pin: { kind: 'file', path: resolvePath(uri.pin.path) } }
}
