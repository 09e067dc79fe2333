// Opens a PKCS#12 file (RFC 7292) into certificates and key.
//
// Node takes such files as they are, but then it also trusts every authority in them to vouch for peers: with a file that
// holds its own chain, whoever has a certificate of the same authority would pass as a client, whatever client_ca_file says.
// Taken apart, the certificates of the chain are shown and nothing else.
import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  pbkdf2Sync,
  X509Certificate,
  type KeyObject,
} from 'node:crypto'
import {
  DerError,
  derInteger,
  derMembers,
  derOid,
  derTag,
  type DerValue,
  expectDer,
  readDer,
} from './der.ts'

export interface Pkcs12Content {
  readonly certificates: readonly X509Certificate[]
  readonly keys: readonly KeyObject[]
}

/** The file is encrypted in a way that is not read, or is no PKCS#12 file. */
export class Pkcs12Error extends Error {
  override readonly name = 'Pkcs12Error'
}

const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  tripleDes: '1.2.840.113549.1.12.1.3',
} as const

/** Whoever writes the file chooses the rounds, and may not keep the start busy for longer than some seconds. */
const MAX_ROUNDS = 10_000_000

/**
 * The password must be known to be right.
 * @throws Pkcs12Error
 */
export function openPkcs12(bytes: Buffer, password: string): Pkcs12Content {
  try {
    const [, authSafe] = derMembers(expectDer(readDer(bytes), derTag.sequence))
    const safes = derMembers(readDer(dataOf(authSafe)))
    const bags = safes.flatMap((safe) => derMembers(readDer(contentOf(safe, password))))
    return {
      certificates: bags.flatMap((bag) => certificateOf(bag)),
      keys: bags.flatMap((bag) => keyOf(bag, password)),
    }
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new Pkcs12Error('not in the form of RFC 7292', { cause })
  }
}

/** ContentInfo of type data. */
function dataOf(contentInfo: DerValue | undefined): Buffer {
  const [type, content] = derMembers(expectDer(contentInfo, derTag.sequence))
  if (derOid(type) !== oid.data) throw new Pkcs12Error('sealed with a public key')
  return expectDer(readDer(expectDer(content, derTag.context0).content), derTag.octetString).content
}

function contentOf(contentInfo: DerValue, password: string): Buffer {
  const [type, content] = derMembers(contentInfo)
  if (derOid(type) !== oid.encryptedData) return dataOf(contentInfo)
  const [, encrypted] = derMembers(readDer(expectDer(content, derTag.context0).content))
  const [, algorithm, sealed] = derMembers(expectDer(encrypted, derTag.sequence))
  return decrypt(expectDer(sealed, derTag.implicit0).content, algorithm, password)
}

function certificateOf(bag: DerValue): readonly X509Certificate[] {
  const [type, value] = derMembers(bag)
  if (derOid(type) !== oid.certBag) return []
  const [, certificate] = derMembers(readDer(expectDer(value, derTag.context0).content))
  const octets = readDer(expectDer(certificate, derTag.context0).content)
  return [new X509Certificate(expectDer(octets, derTag.octetString).content)]
}

function keyOf(bag: DerValue, passphrase: string): readonly KeyObject[] {
  const [type, value] = derMembers(bag)
  const isPlain = derOid(type) === oid.keyBag
  if (!isPlain && derOid(type) !== oid.shroudedKeyBag) return []
  const key = expectDer(value, derTag.context0).content
  return [createPrivateKey({ key, format: 'der', type: 'pkcs8', ...(!isPlain && { passphrase }) })]
}

const CIPHERS: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
}

const HMACS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}

function decrypt(sealed: Buffer, algorithm: DerValue | undefined, password: string): Buffer {
  const [type, parameters] = derMembers(expectDer(algorithm, derTag.sequence))
  const { cipher, key, iv } =
    derOid(type) === oid.pbes2
      ? pbes2(expectDer(parameters, derTag.sequence), password)
      : tripleDes(derOid(type), expectDer(parameters, derTag.sequence), password)
  const decipher = createDecipheriv(cipher, key, iv)
  return Buffer.concat([decipher.update(sealed), decipher.final()])
}

interface Opening {
  readonly cipher: string
  readonly key: Buffer
  readonly iv: Buffer
}

/** RFC 8018 §6.2. */
function pbes2(parameters: DerValue, password: string): Opening {
  const [kdf, scheme] = derMembers(parameters).map(derMembers)
  if (derOid(kdf?.[0]) !== oid.pbkdf2) throw new Pkcs12Error('a key derivation that is not read')
  const [salt, rounds, ...others] = derMembers(expectDer(kdf?.[1], derTag.sequence))
  const prf = others.find(({ tag }) => tag === derTag.sequence)
  const hmac = prf === undefined ? 'sha1' : HMACS[derOid(derMembers(prf)[0])]
  const cipher = CIPHERS[derOid(scheme?.[0])]
  if (hmac === undefined || cipher === undefined) throw new Pkcs12Error('a cipher that is not read')
  const saltBytes = expectDer(salt, derTag.octetString).content
  const key = pbkdf2Sync(password, saltBytes, roundsOf(rounds), cipher.keyBytes, hmac)
  return { cipher: cipher.name, key, iv: expectDer(scheme?.[1], derTag.octetString).content }
}

/** What Windows and .NET write: pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C). */
function tripleDes(type: string, parameters: DerValue, password: string): Opening {
  if (type !== oid.tripleDes) throw new Pkcs12Error('a cipher that is not read')
  const [salt, rounds] = derMembers(parameters)
  const saltBytes = expectDer(salt, derTag.octetString).content
  const derive = (purpose: number, length: number): Buffer =>
    deriveSha1({ password, salt: saltBytes, rounds: roundsOf(rounds), purpose, length })
  return { cipher: 'des-ede3-cbc', key: derive(1, 24), iv: derive(2, 8) }
}

function roundsOf(value: DerValue | undefined): number {
  const rounds = derInteger(value)
  if (rounds < 1 || rounds > MAX_ROUNDS) throw new Pkcs12Error(`${rounds} rounds`)
  return rounds
}

interface Derivation {
  readonly password: string
  readonly salt: Buffer
  readonly rounds: number
  /** 1 for a key, 2 for an initial value. */
  readonly purpose: number
  readonly length: number
}

const SHA1_BLOCK_BYTES = 64

/** RFC 7292 appendix B.2 with SHA-1; the names are those of the standard. */
function deriveSha1({ password, salt, rounds, purpose, length }: Derivation): Buffer {
  const diversifier = Buffer.alloc(SHA1_BLOCK_BYTES, purpose)
  // Big-endian UTF-16 with a terminating zero (appendix B.1).
  const secret = Buffer.from(`${password}\0`, 'utf16le').swap16()
  const input = Buffer.concat([fillBlocks(salt), fillBlocks(secret)])
  let output = Buffer.alloc(0)
  while (output.length < length) {
    let a = createHash('sha1').update(diversifier).update(input).digest()
    for (let round = 1; round < rounds; round += 1) a = createHash('sha1').update(a).digest()
    output = Buffer.concat([output, a])
    addToBlocks(input, Buffer.alloc(SHA1_BLOCK_BYTES, a))
  }
  return output.subarray(0, length)
}

/** As many whole blocks as it takes, filled with the bytes again and again. */
function fillBlocks(bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes
  return Buffer.alloc(Math.ceil(bytes.length / SHA1_BLOCK_BYTES) * SHA1_BLOCK_BYTES, bytes)
}

/** Adds `block` and one to every block of `bytes`, each taken as a number; what overflows is lost. */
function addToBlocks(bytes: Buffer, block: Buffer): void {
  for (let start = 0; start < bytes.length; start += SHA1_BLOCK_BYTES) {
    let carry = 1
    for (let at = SHA1_BLOCK_BYTES - 1; at >= 0; at -= 1) {
      const sum = (bytes[start + at] ?? 0) + (block[at] ?? 0) + carry
      bytes[start + at] = sum & 0xff
      carry = sum >> 8
    }
  }
}
