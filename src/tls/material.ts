// A certificate and its key, from their files to what a server can use, or everything that is wrong with them. The
// config reports the problems as faults with a line; a listener stops the start.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { isNodeError } from '../core/index.ts'

export interface CertificateFiles {
  /** PEM file with the certificate, leaf first, followed by its chain. */
  readonly certFile: string
  /** PEM file with the private key. */
  readonly keyFile: string
}

export interface Material {
  readonly certPem: string
  readonly keyPem: string
  readonly certificate: X509Certificate
}

/** Why a file cannot be used. Names files and mend, never content. */
export interface MaterialProblem {
  readonly of: 'certificate' | 'key'
  readonly file: string
  readonly expected: string
  readonly got: string
  readonly mend: string
}

export type MaterialReading =
  | { readonly ok: true; readonly material: Material }
  | { readonly ok: false; readonly problems: readonly MaterialProblem[] }

/** Reads both files and checks them by themselves and against each other; tells the problems of both at once. */
export function readMaterial(
  { certFile, keyFile }: CertificateFiles,
  nowMs: number,
): MaterialReading {
  const certificate = readPem(certFile, CERTIFICATE)
  const key = readPem(keyFile, PRIVATE_KEY)
  if ('problem' in certificate || 'problem' in key) {
    const problems = [certificate, key].flatMap((it) => ('problem' in it ? it.problem : []))
    return { ok: false, problems }
  }
  const material = { certPem: certificate.pem, keyPem: key.pem, certificate: certificate.value }
  const problem =
    pairProblem(material, key.value, { certFile, keyFile }) ??
    fitnessProblem(material, certFile, nowMs)
  return problem === undefined ? { ok: true, material } : { ok: false, problems: [problem] }
}

function pairProblem(
  { certificate }: Material,
  key: KeyObject,
  { certFile, keyFile }: CertificateFiles,
): MaterialProblem | undefined {
  if (certificate.checkPrivateKey(key)) return undefined
  return {
    of: 'key',
    file: keyFile,
    expected: `the private key of the certificate in ${certFile}`,
    got: 'the key of another certificate',
    mend: 'name the files of one pair',
  }
}

/** Why a certificate with its own key can still not be served with. */
function fitnessProblem(
  { certPem, keyPem, certificate }: Material,
  certFile: string,
  nowMs: number,
): MaterialProblem | undefined {
  const base = { of: 'certificate', file: certFile } as const
  if (Date.parse(certificate.validTo) <= nowMs) {
    const got = `one that expired on ${certificate.validTo}`
    return { ...base, expected: 'a certificate that has not expired', got, mend: 'renew it' }
  }
  try {
    createSecureContext({ cert: certPem, key: keyPem })
    return undefined
  } catch {
    // Its key is too short or its signature too weak for OpenSSL's security level; what the code says differs by version.
    return {
      ...base,
      expected: 'a certificate that OpenSSL serves with',
      got: 'one that it refuses',
      mend: 'issue it anew with a P-256 or RSA-2048 key and SHA-256',
    }
  }
}

interface Kind<T> {
  readonly of: MaterialProblem['of']
  readonly expected: string
  /** @throws when the text is not that. */
  readonly parse: (pem: string) => T
}

const CERTIFICATE: Kind<X509Certificate> = {
  of: 'certificate',
  expected: 'a PEM file with a certificate',
  parse: (pem) => new X509Certificate(pem),
}

const PRIVATE_KEY: Kind<KeyObject> = {
  of: 'key',
  expected: 'a PEM file with a private key that is not encrypted',
  parse: (pem) => createPrivateKey(pem),
}

type Read<T> = { readonly pem: string; readonly value: T } | { readonly problem: MaterialProblem }

function readPem<T>(file: string, { of, expected, parse }: Kind<T>): Read<T> {
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (thrown) {
    return { problem: { of, file, expected, ...describeReadFailure(thrown, file) } }
  }
  try {
    return { pem, value: parse(pem) }
  } catch {
    // OpenSSL's messages are about its decoder, and the reader's question is which file is wrong.
    const got = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')
      ? `an encrypted key in ${file}`
      : `${file}, which holds none`
    return { problem: { of, file, expected, got, mend: mendFor(pem) } }
  }
}

function mendFor(pem: string): string {
  if (pem.includes('ENCRYPTED')) return 'decrypt it with: openssl pkey -in FILE -out FILE'
  if (pem.includes('-----BEGIN ')) return 'look whether cert_file and key_file are swapped'
  return 'convert it to PEM, a text that starts with "-----BEGIN"'
}

/** What kept a file from being read, and the mend. */
export function describeReadFailure(
  thrown: unknown,
  file: string,
): Pick<MaterialProblem, 'got' | 'mend'> {
  if (isNodeError(thrown, 'ENOENT') || isNodeError(thrown, 'ENOTDIR')) {
    return { got: `no file at ${file}`, mend: 'correct the path, or create the file' }
  }
  if (isNodeError(thrown, 'EACCES') || isNodeError(thrown, 'EPERM')) {
    return { got: `no permission to read ${file}`, mend: 'let the user of the gateway read it' }
  }
  if (isNodeError(thrown, 'EISDIR')) {
    return { got: `a folder at ${file}`, mend: 'name the file in it' }
  }
  throw thrown
}
