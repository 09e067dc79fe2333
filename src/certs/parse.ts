// What is in a file: certificates, keys, lists of revoked certificates; PEM, DER or PKCS#12. For people and for checks;
// whether it can be used is tls's question.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isNodeError } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import { isEncrypted } from './keys.ts'
import { describeList, type ParsedList } from './parse-crl.ts'
import { describeUses } from './parse-uses.ts'
import { certificatesInPkcs12 } from './pkcs12.ts'
import { derOf } from './x509.ts'

export interface ParsedCertificate {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  readonly version: number
  readonly notBefore: Date
  readonly notAfter: Date
  readonly names: readonly string[]
  readonly isAuthority: boolean
  readonly key: string
  readonly signature: string
  readonly keyUsage: readonly string[]
  readonly extendedKeyUsage: readonly string[]
  readonly subjectKeyIdentifier: string | undefined
  readonly authorityKeyIdentifier: string | undefined
  readonly fingerprint: string
  /** As `pinned_certificates` takes it, for this certificate. */
  readonly certificatePin: string
  /** The same for its key, which may outlive the certificate. */
  readonly keyPin: string
}

export interface ParsedKey {
  /** Undefined: the key is encrypted and the password is not known. */
  readonly key: string | undefined
  readonly isEncrypted: boolean
  readonly keyPin: string | undefined
}

export interface ParsedFile {
  readonly certificates: readonly ParsedCertificate[]
  readonly keys: readonly ParsedKey[]
  readonly lists: readonly ParsedList[]
}

const MAX_FILE_BYTES = 4_194_304
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g

/** @throws CertificateError when it cannot be read, holds nothing of the kind, or is under another password. */
export async function parseCertificateFile(file: string, password?: string): Promise<ParsedFile> {
  const bytes = await readBounded(file)
  const text = bytes.toString('latin1')
  try {
    if (text.includes('-----BEGIN ')) return await parsePem(text, password)
    return await parseDer(bytes, password, file)
  } catch (thrown) {
    if (thrown instanceof CertificateError) throw thrown
    const message = `${file}: expected a certificate, a key or a list of revoked certificates, got something else; name a PEM, DER or PKCS#12 file`
    throw new CertificateError('files', message, { cause: thrown })
  }
}

async function readBounded(file: string): Promise<Buffer<ArrayBuffer>> {
  try {
    const { size } = await stat(file)
    if (size <= MAX_FILE_BYTES) return await readFile(file)
  } catch (thrown) {
    const got = isNodeError(thrown, 'ENOENT') ? 'no such file' : 'one that cannot be read'
    const message = `${file}: expected a file with certificates, got ${got}; correct the path or its permissions`
    throw new CertificateError('files', message, { cause: thrown })
  }
  const message = `${file}: expected a file of at most ${MAX_FILE_BYTES} bytes, got more; name another one`
  throw new CertificateError('files', message)
}

async function parsePem(text: string, password: string | undefined): Promise<ParsedFile> {
  const blocks = [...text.matchAll(BLOCK)].map(([pem, label = '']) => ({ pem, label }))
  const of = (pattern: RegExp) =>
    blocks.filter(({ label }) => pattern.test(label)).map(({ pem }) => pem)
  const found = {
    certificates: await Promise.all(
      of(/^(?:X509 |TRUSTED )?CERTIFICATE$/).map((pem) => describe(new X509Certificate(pem))),
    ),
    keys: of(/PRIVATE KEY$/).map((pem) => describeKey(pem, password)),
    lists: await Promise.all(of(/^X509 CRL$/).map((pem) => describeList(derOf(pem)))),
  }
  if (Object.values(found).every(({ length }) => length === 0)) {
    throw new TypeError('no block of PEM that is known')
  }
  return found
}

async function parseDer(
  bytes: Buffer<ArrayBuffer>,
  password: string | undefined,
  file: string,
): Promise<ParsedFile> {
  const nothing: ParsedFile = { certificates: [], keys: [], lists: [] }
  const certificate = attempt(() => new X509Certificate(bytes))
  if (certificate !== undefined) return { ...nothing, certificates: [await describe(certificate)] }
  const list = await describeList(bytes).catch(() => undefined)
  if (list !== undefined) return { ...nothing, lists: [list] }
  // What is left starts with a number: a key with 0 or 1, PKCS#12 with 3.
  if (!(await looksLikePkcs12(bytes))) throw new TypeError('none of the known structures')
  return { ...nothing, certificates: await openPkcs12(bytes, password, file) }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    // Not this structure; the caller tries the next.
    return undefined
  }
}

async function looksLikePkcs12(bytes: Buffer<ArrayBuffer>): Promise<boolean> {
  const { fromBER, Integer, Sequence } = await import('asn1js')
  const { result, offset } = fromBER(bytes)
  if (offset === -1 || !(result instanceof Sequence)) return false
  const [version] = result.valueBlock.value
  return version instanceof Integer && version.valueBlock.valueDec === 3
}

async function openPkcs12(
  bytes: Buffer<ArrayBuffer>,
  password: string | undefined,
  file: string,
): Promise<readonly ParsedCertificate[]> {
  const fault = (got: string, cause?: unknown): CertificateError => {
    const message = `${file}: expected the password of this PKCS#12 file, got ${got}; give it with --password-file FILE or --password-env NAME`
    return new CertificateError('denied', message, { cause })
  }
  if (password === undefined) throw fault('none')
  let pems: readonly string[]
  try {
    pems = await certificatesInPkcs12(bytes, password)
  } catch (thrown) {
    throw fault('another one', thrown)
  }
  return Promise.all(pems.map((pem) => describe(new X509Certificate(pem))))
}

async function describe(certificate: X509Certificate): Promise<ParsedCertificate> {
  const { subjectAltName, publicKey, raw } = certificate
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serialNumber: certificate.serialNumber,
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    names: subjectAltName?.split(', ') ?? [],
    isAuthority: certificate.ca,
    key: describeKeyType(publicKey),
    fingerprint: certificate.fingerprint256,
    certificatePin: pin(raw),
    keyPin: pin(publicKey.export({ type: 'spki', format: 'der' })),
    ...(await describeUses(raw)),
  }
}

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ')
}

function pin(der: Buffer): string {
  return `sha256:${createHash('sha256').update(der).digest('hex')}`
}

function describeKeyType({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {}
  if (modulusLength !== undefined) return `${asymmetricKeyType?.toUpperCase()} ${modulusLength}`
  const curves: Readonly<Record<string, string>> = {
    prime256v1: 'P-256',
    secp384r1: 'P-384',
    secp521r1: 'P-521',
  }
  if (namedCurve !== undefined) return `ECDSA ${curves[namedCurve] ?? namedCurve}`
  return asymmetricKeyType ?? 'unknown'
}

function describeKey(pem: string, password: string | undefined): ParsedKey {
  const encrypted = isEncrypted(pem)
  if (encrypted && password === undefined) {
    return { key: undefined, isEncrypted: true, keyPin: undefined }
  }
  const passphrase = encrypted && password !== undefined ? { passphrase: password } : {}
  let key: KeyObject
  try {
    key = createPublicKey(createPrivateKey({ key: pem, ...passphrase }))
  } catch (thrown) {
    const message =
      'expected the password of this encrypted key, got another; give the right one with --password-file FILE or --password-env NAME'
    if (encrypted) throw new CertificateError('denied', message, { cause: thrown })
    throw thrown
  }
  const keyPin = pin(key.export({ type: 'spki', format: 'der' }))
  return { key: describeKeyType(key), isEncrypted: encrypted, keyPin }
}
