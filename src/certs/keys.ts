// Private keys: which types there are, making them, reading those of other tools, and their text form with a password or
// without one.
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto as crypto } from 'node:crypto'
import { CertificateError } from './certificate-error.ts'
import { DEFAULT_KEY_TYPE, type KeyType, keyTypes } from './options.ts'
import { derOf, engineOf, loadX509, pemOf } from './x509.ts'

type KeyPair = crypto.CryptoKeyPair

/** A key to sign certificates with, and the hash that suits its strength. */
export interface SigningKey {
  readonly key: crypto.CryptoKey
  readonly hash: 'SHA-256' | 'SHA-384' | 'SHA-512'
}

/** Both halves of a key, and the private one as text. */
export interface KeyForCertificate {
  readonly publicKey: crypto.CryptoKey
  readonly signing: SigningKey
  /** Unencrypted PKCS#8. */
  readonly keyPem: string
}

/** Runs around the making of a key: RSA takes long enough for people to ask what is going on. */
export type AroundKey = <T>(keyType: KeyType, make: () => Promise<T>) => Promise<T>

const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
} as const
const CURVES = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
} as const

const RSA_BITS: Readonly<Record<string, number>> = {
  'rsa-2048': 2048,
  'rsa-3072': 3072,
  'rsa-4096': 4096,
}

/** Rounds of PBKDF2 with SHA-256 between a password and its key: OWASP's figure; about 0.1 s for whoever knows it. */
const PBKDF2_ROUNDS = 600_000

export async function makeKey(
  keyType: KeyType = DEFAULT_KEY_TYPE,
  around: AroundKey = (_, make) => make(),
): Promise<KeyForCertificate> {
  const pair = await around(keyType, () => generateKeyPair(keyType))
  const der = await crypto.subtle.exportKey('pkcs8', pair.privateKey)
  return {
    publicKey: pair.publicKey,
    signing: { key: pair.privateKey, hash: 'SHA-256' },
    keyPem: pemOf('PRIVATE KEY', der),
  }
}

function generateKeyPair(keyType: KeyType): Promise<KeyPair> {
  const modulusLength = RSA_BITS[keyType]
  const algorithm =
    modulusLength === undefined ? { name: 'ECDSA', namedCurve: 'P-256' } : { ...RSA, modulusLength }
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

/** A key that is there, to make a certificate for it or with it. @throws CertificateError for a type that we do not sign with. */
export async function useKey(keyPem: string): Promise<KeyForCertificate> {
  const key = createPrivateKey(keyPem)
  const { algorithm, hash } = algorithmOf(key)
  const importAs = (der: Buffer, format: 'pkcs8' | 'spki', use: 'sign' | 'verify') =>
    crypto.subtle.importKey(format, new Uint8Array(der), algorithm, true, [use])
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return {
    publicKey: await importAs(spki, 'spki', 'verify'),
    signing: {
      key: await importAs(key.export({ type: 'pkcs8', format: 'der' }), 'pkcs8', 'sign'),
      hash,
    },
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  if (asymmetricKeyType === 'rsa') return { algorithm: RSA, hash: RSA.hash }
  const name = asymmetricKeyDetails?.namedCurve as keyof typeof CURVES | undefined
  const curve = name === undefined ? undefined : CURVES[name]
  if (asymmetricKeyType === 'ec' && curve !== undefined) {
    return { algorithm: { name: 'ECDSA', namedCurve: curve.namedCurve }, hash: curve.hash }
  }
  throw new CertificateError(
    'files',
    `expected a key of type RSA, P-256, P-384 or P-521, got ${name ?? asymmetricKeyType ?? 'another'}; make a new key`,
  )
}

/** The type to make a key of for it to be like this one; the default where it is none that we make. */
export function keyTypeLike({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyType {
  const bits = asymmetricKeyType === 'rsa' ? asymmetricKeyDetails?.modulusLength : undefined
  return keyTypes.find((type) => type === `rsa-${bits}`) ?? DEFAULT_KEY_TYPE
}

export function isEncrypted(keyPem: string): boolean {
  // The second is the form of OpenSSL before PKCS#8.
  return keyPem.includes('-----BEGIN ENCRYPTED') || keyPem.includes('Proc-Type: 4,ENCRYPTED')
}

/** PKCS#8 under PBES2: PBKDF2 with SHA-256, AES-256 in CBC mode (RFC 8018 §6.2), which every TLS library reads. */
export async function encryptKey(keyPem: string, password: string): Promise<string> {
  const bag = await shroudedKey(keyPem, password)
  return pemOf('ENCRYPTED PRIVATE KEY', bag.toSchema().toBER())
}

/** The same as an object, for PKCS#12 to take in. */
export async function shroudedKey(keyPem: string, password: string) {
  const x509 = await loadX509()
  const parsedValue = x509.pkijs.PrivateKeyInfo.fromBER(derOf(keyPem))
  const bag = new x509.pkijs.PKCS8ShroudedKeyBag({ parsedValue })
  await bag.makeInternalValues(passwordEncryption(password), engineOf(x509))
  return bag
}

export function passwordEncryption(password: string) {
  return {
    password: new Uint8Array(Buffer.from(password, 'utf8')).buffer,
    contentEncryptionAlgorithm: {
      name: 'AES-CBC',
      length: 256,
      iv: crypto.getRandomValues(new Uint8Array(16)),
    },
    hmacHashAlgorithm: 'SHA-256',
    iterationCount: PBKDF2_ROUNDS,
  }
}
