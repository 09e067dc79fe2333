// The config keys of a certificate with its key and how they become CredentialOptions. Which of them go together is a
// check across keys, so that its faults can say what is missing.
import { type DocumentOf, path, secret } from '../core/fields.ts'
import type { CredentialOptions } from './credential-options.ts'

const password = () =>
  secret({
    expected: 'a password',
    mend: 'write "${KEY_PASSWORD}", or remove the key',
    minLength: 1,
  })

export const credentialShape = {
  cert_file: path('a PEM file with a certificate')
    .optional()
    .describe(
      'PEM file with the certificate, leaf first, followed by its chain. Goes with `key_file`; not with `pfx_file`. Relative paths start at the folder of the config file.',
    ),
  key_file: path('a PEM file with a private key')
    .optional()
    .describe(
      'PEM file with the private key of the certificate: RSA, EC or Ed25519, as PKCS#1, PKCS#8 or SEC 1. A file that others than its owner and group can read is refused.',
    ),
  key_password: password().optional().describe('Password of an encrypted `key_file`. Never shown.'),
  pfx_file: path('a PKCS#12 file')
    .optional()
    .describe(
      'PKCS#12 file (.pfx, .p12) with certificate, chain and key, instead of `cert_file` and `key_file`.',
    ),
  password: password().optional().describe('Password of `pfx_file`. Never shown.'),
}

export type CredentialDocument = DocumentOf<typeof credentialShape>

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
  if (cert === undefined || key === undefined) return undefined
  return { kind: 'pem', certFile: resolvePath(cert), keyFile: resolvePath(key), keyPassword }
}
