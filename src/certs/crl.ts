// Lists of revoked certificates (RFC 5280 §5): making one from the register, giving it its number, and putting it where
// servers read it.
import { join } from 'node:path'
import { type Clock, systemClock } from '../core/index.ts'
import { authorityKeyIdentifier, crlNumber, reasonCode } from './extensions.ts'
import {
  isTaken,
  makePrivateFolder,
  namesIn,
  readIfThere,
  replaceFile,
  writeNewFile,
} from './files.ts'
import { useKey } from './keys.ts'
import { revocationReasons } from './options.ts'
import { readAllRevoked, type RevokedFact } from './register.ts'
import { authorityFiles } from './tree.ts'
import {
  type CertificateAndKey,
  engineOf,
  keyIdOf,
  loadX509,
  pemOf,
  readCertificate,
  timeOf,
  wholeSeconds,
  type X509,
} from './x509.ts'

const CRL_V2 = 1
const CRL_FILE = /^(\d+)\.crl$/

export interface CrlRequest {
  readonly dir: string
  readonly authority: CertificateAndKey
  /** From now to the next list; a reader refuses everybody once it is over. */
  readonly validForMs: number
  readonly clock?: Clock
}

export interface PublishedCrl {
  readonly file: string
  readonly number: number
  readonly revoked: number
  readonly nextUpdate: Date
}

/**
 * Makes the next list and puts it in place. Several runs may do so at once: a number is taken by making its file, and the
 * register is read only after the number before is seen to be taken, so that a higher number never knows less.
 */
export async function publishCrl(request: CrlRequest): Promise<PublishedCrl> {
  const { dir, authority, validForMs, clock = systemClock } = request
  const { folder, crlFile } = authorityFiles(dir)
  const lists = join(folder, 'crls')
  await makePrivateFolder(lists)
  for (;;) {
    const number = (await highestNumber(lists)) + 1
    const facts = await readAllRevoked(dir)
    const thisUpdate = wholeSeconds(clock.nowMs())
    const nextUpdate = wholeSeconds(clock.nowMs() + validForMs)
    const content = await signCrl(authority, { facts, number, thisUpdate, nextUpdate })
    try {
      await writeNewFile({ path: join(lists, `${number}.crl`), content })
    } catch (thrown) {
      if (isTaken(thrown)) continue
      throw thrown
    }
    await bringNewest(lists, crlFile)
    return { file: crlFile, number, revoked: facts.length, nextUpdate }
  }
}

async function highestNumber(lists: string): Promise<number> {
  const numbers = (await namesIn(lists)).map((name) => Number(CRL_FILE.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/** Until the newest is in place: between looking and writing, another run may have brought a newer one. */
async function bringNewest(lists: string, crlFile: string): Promise<void> {
  for (let placed = 0; ; ) {
    const newest = await highestNumber(lists)
    if (newest === placed) return
    const content = (await readIfThere(join(lists, `${newest}.crl`))) ?? ''
    await replaceFile({ path: crlFile, content })
    placed = newest
  }
}

interface CrlContent {
  readonly facts: readonly RevokedFact[]
  readonly number: number
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

async function signCrl(
  { certPem, keyPem }: CertificateAndKey,
  { facts, number, thisUpdate, nextUpdate }: CrlContent,
): Promise<string> {
  const x509 = await loadX509()
  const { pkijs } = x509
  const issuer = readCertificate(x509, certPem)
  const extensions = [authorityKeyIdentifier(x509, keyIdOf(issuer)), crlNumber(x509, number)]
  const list = new pkijs.CertificateRevocationList({
    version: CRL_V2,
    issuer: issuer.subject,
    thisUpdate: timeOf(x509, thisUpdate),
    nextUpdate: timeOf(x509, nextUpdate),
    // An empty list of them must be left out (RFC 5280 §5.1.2.6).
    ...(facts.length > 0 && { revokedCertificates: facts.map((fact) => entryOf(x509, fact)) }),
    crlExtensions: new pkijs.Extensions({ extensions }),
  })
  const { signing } = await useKey(keyPem)
  await list.sign(signing.key, signing.hash, engineOf(x509))
  return pemOf('X509 CRL', list.toSchema(true).toBER())
}

function entryOf(x509: X509, { serial, revokedAt, reason }: RevokedFact) {
  const { pkijs, asn1js } = x509
  // DER wants a zero byte in front of a number whose first bit would make it negative.
  const hex = serial.length % 2 === 0 ? serial : `0${serial}`
  const bytes = Buffer.from(/^[89A-F]/.test(hex) ? `00${hex}` : hex, 'hex')
  const code = revocationReasons[reason]
  // "unspecified" is said by saying nothing (RFC 5280 §5.3.1).
  const extensions = code === 0 ? undefined : [reasonCode(x509, code)]
  return new pkijs.RevokedCertificate({
    userCertificate: new asn1js.Integer({ valueHex: new Uint8Array(bytes).buffer }),
    revocationDate: timeOf(x509, wholeSeconds(Date.parse(revokedAt))),
    ...(extensions !== undefined && {
      crlEntryExtensions: new pkijs.Extensions({ extensions }),
    }),
  })
}
