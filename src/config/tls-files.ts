// Whether the certificate and key files of the listeners can be used at all, so that a wrong path is a fault with a line
// and not a failure at start. Serving with them is the listener's business.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { isNodeError } from '../core/index.ts'
import type { Finding } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import type { Path } from './fault.ts'

type ResolvePath = (written: string) => string

export function checkTlsFiles(
  draft: Draft,
  resolvePath: ResolvePath,
  nowMs: number,
): readonly Finding[] {
  return draft.tls.flatMap(({ index, value: tls }) => {
    const certPath = ['listeners', index, 'tls', 'cert_file']
    const keyPath = ['listeners', index, 'tls', 'key_file']
    const cert = load(certPath, tls.cert_file, CERTIFICATE, resolvePath)
    const key = load(keyPath, tls.key_file, PRIVATE_KEY, resolvePath)
    if ('finding' in cert || 'finding' in key) {
      return [cert, key].flatMap((each) => ('finding' in each ? each.finding : []))
    }
    if (!cert.material.checkPrivateKey(key.material)) {
      const expected = `the private key of the certificate in ${tls.cert_file}`
      const got = 'the key of another certificate'
      return [{ path: keyPath, expected, got, mend: 'name the files of one pair' }]
    }
    const problem = describeUnfit(cert, key.pem, nowMs)
    return problem === undefined ? [] : [{ path: certPath, ...problem }]
  })
}

/** Why a certificate with its own key can still not be served with. */
function describeUnfit(
  { pem: cert, material }: { readonly pem: string; readonly material: X509Certificate },
  key: string,
  nowMs: number,
): Omit<Finding, 'path'> | undefined {
  if (Date.parse(material.validTo) <= nowMs) {
    const got = `one that expired on ${material.validTo}`
    return { expected: 'a certificate that has not expired', got, mend: 'renew it' }
  }
  try {
    createSecureContext({ cert, key })
    return undefined
  } catch {
    // Its key is too short or its signature too weak for OpenSSL's security level; what the code says differs by version.
    return {
      expected: 'a certificate that OpenSSL serves with',
      got: 'one that it refuses',
      mend: 'issue it anew with a P-256 or RSA-2048 key and SHA-256',
    }
  }
}

interface Material<T> {
  readonly expected: string
  /** @throws when the text is not that. */
  readonly parse: (pem: string) => T
}

const CERTIFICATE: Material<X509Certificate> = {
  expected: 'a PEM file with a certificate',
  parse: (pem) => new X509Certificate(pem),
}

const PRIVATE_KEY: Material<KeyObject> = {
  expected: 'a PEM file with a private key that is not encrypted',
  parse: (pem) => createPrivateKey(pem),
}

type Loaded<T> = { readonly pem: string; readonly material: T } | { readonly finding: Finding }

function load<T>(
  path: Path,
  written: string,
  { expected, parse }: Material<T>,
  resolvePath: ResolvePath,
): Loaded<T> {
  const file = resolvePath(written)
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    return { finding: { path, expected, ...describeReadFailure(error, file) } }
  }
  try {
    return { pem, material: parse(pem) }
  } catch {
    // OpenSSL's messages are about its decoder, and the reader's question is which file is wrong.
    const got = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')
      ? `an encrypted key in ${file}`
      : `${file}, which holds none`
    return { finding: { path, expected, got, mend: mendFor(pem) } }
  }
}

function mendFor(pem: string): string {
  if (pem.includes('ENCRYPTED')) return 'decrypt it with: openssl pkey -in FILE -out FILE'
  if (pem.includes('-----BEGIN ')) return 'look whether cert_file and key_file are swapped'
  return 'convert it to PEM, a text that starts with "-----BEGIN"'
}

/** What kept a file from being read, and the mend. */
export function describeReadFailure(
  error: unknown,
  file: string,
): { readonly got: string; readonly mend: string } {
  if (isNodeError(error, 'ENOENT') || isNodeError(error, 'ENOTDIR')) {
    return { got: `no file at ${file}`, mend: 'correct the path, or create the file' }
  }
  if (isNodeError(error, 'EACCES') || isNodeError(error, 'EPERM')) {
    return { got: `no permission to read ${file}`, mend: 'let the user of the gateway read it' }
  }
  if (isNodeError(error, 'EISDIR')) {
    return { got: `a folder at ${file}`, mend: 'name the file in it' }
  }
  throw error
}
