// Reads DER (X.690 §8–§11), as far as revocation lists and PKCS#12 files need it. What the bytes mean is the caller's
// business. Written here because both are read while a listener starts, and a library for all of ASN.1 takes 23 ms to load.

export interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** With tag and length. */
  readonly whole: Buffer
}

export const derTag = {
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, explicit or of a constructed type. */
  context0: 0xa0,
  /** `[0] IMPLICIT` of a primitive type. */
  implicit0: 0x80,
} as const

/** The bytes are not what was expected. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

const LONG_FORM = 0x80
const MULTI_BYTE_TAG = 0x1f
/** Lengths of four bytes reach 4 GiB, far beyond any file that is read. */
const MAX_LENGTH_BYTES = 4

/** The value that the bytes begin with. */
export function readDer(bytes: Buffer): DerValue {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined || (tag & MULTI_BYTE_TAG) === MULTI_BYTE_TAG) {
    throw new DerError('no value')
  }
  const lengthBytes = first < LONG_FORM ? 0 : first - LONG_FORM
  // An indefinite length is BER, not DER.
  if (first === LONG_FORM || lengthBytes > MAX_LENGTH_BYTES)
    throw new DerError('no definite length')
  const start = 2 + lengthBytes
  if (bytes.length < start) throw new DerError('cut off')
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes)
  if (bytes.length < start + length) throw new DerError('cut off')
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(0, start + length),
  }
}

/** The values within a constructed one. */
export function derMembers({ content }: DerValue): readonly DerValue[] {
  const members: DerValue[] = []
  for (let rest = content; rest.length > 0; ) {
    const member = readDer(rest)
    members.push(member)
    rest = rest.subarray(member.whole.length)
  }
  return members
}

/** @throws DerError when there is no such value, or it is of another type. */
export function expectDer(value: DerValue | undefined, tag: number): DerValue {
  if (value?.tag !== tag) throw new DerError(`expected tag ${tag}, got ${value?.tag}`)
  return value
}

/** `1.2.840.113549.1.7.1` */
export function derOid(value: DerValue | undefined): string {
  const { content } = expectDer(value, derTag.oid)
  const arcs: number[] = []
  let arc = 0
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first = 0, ...others] = arcs
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...others].join('.')
}

/** A small one that is not negative. */
export function derInteger(value: DerValue | undefined): number {
  const { content } = expectDer(value, derTag.integer)
  if (content.length === 0 || content.length > MAX_LENGTH_BYTES)
    throw new DerError('no small number')
  return content.readUIntBE(0, content.length)
}

const TIME = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
/** Two digits of a year below this are of the 2000s (RFC 5280 §4.1.2.5.1). */
const FIRST_YEAR_OF_1900S = 50

/** UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5, in milliseconds since the epoch. */
export function derTime({ tag, content }: DerValue): number {
  const match = TIME.exec(content.toString('latin1'))
  const digits = tag === derTag.utcTime ? 2 : 4
  if (match === null || match[1]?.length !== digits) throw new DerError('no time')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number)
  const century = digits === 4 ? 0 : year < FIRST_YEAR_OF_1900S ? 2000 : 1900
  return Date.UTC(century + year, month - 1, day, hour, minute, second)
}
