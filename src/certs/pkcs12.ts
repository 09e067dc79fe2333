// A certificate, its key and its authority as one PKCS#12 file (RFC 7292), for programs that take nothing else.
import { X509Certificate } from 'node:crypto'
import type { Attribute, SafeBag } from 'pkijs'
import { passwordEncryption, shroudedKey } from './keys.ts'
import { type CertificateAndKey, engineOf, loadX509, readCertificate, type X509 } from './x509.ts'

const bagOid = { key: '1.2.840.113549.1.12.10.1.2', certificate: '1.2.840.113549.1.12.10.1.3' }
const attributeOid = { friendlyName: '1.2.840.113549.1.9.20', localKeyId: '1.2.840.113549.1.9.21' }

/** The library does this half in JavaScript, and the key itself is behind its own 600 000 rounds; openssl's own number. */
const MAC_ROUNDS = 2048
const INTEGRITY_BY_PASSWORD = 0
const PRIVACY = { none: 0, password: 1 } as const

export interface Pkcs12Request {
  readonly pair: CertificateAndKey
  readonly caPem: string
  readonly password: string
  /** What programs list it by. */
  readonly friendlyName: string
}

export async function makePkcs12(request: Pkcs12Request): Promise<Uint8Array> {
  const { pair, caPem, password, friendlyName } = request
  const x509 = await loadX509()
  const { pkijs } = x509
  // By this, readers know which certificate the key is of.
  const keyId = Buffer.from(
    new X509Certificate(pair.certPem).fingerprint.replaceAll(':', ''),
    'hex',
  )
  const bagAttributes = [nameAttribute(x509, friendlyName), keyIdAttribute(x509, keyId)]
  const certificates = [
    certificateBag(x509, pair.certPem, bagAttributes),
    certificateBag(x509, caPem, undefined),
  ]
  const bagValue = await shroudedKey(pair.keyPem, password)
  const keys = [new pkijs.SafeBag({ bagId: bagOid.key, bagValue, bagAttributes })]
  const authenticatedSafe = new pkijs.AuthenticatedSafe({
    parsedValue: {
      safeContents: [
        {
          privacyMode: PRIVACY.password,
          value: new pkijs.SafeContents({ safeBags: certificates }),
        },
        { privacyMode: PRIVACY.none, value: new pkijs.SafeContents({ safeBags: keys }) },
      ],
    },
  })
  const encryption = passwordEncryption(password)
  const engine = engineOf(x509)
  await authenticatedSafe.makeInternalValues({ safeContents: [encryption, {}] }, engine)
  const file = new pkijs.PFX({
    parsedValue: { integrityMode: INTEGRITY_BY_PASSWORD, authenticatedSafe },
  })
  const integrity = { iterations: MAC_ROUNDS, pbkdf2HashAlgorithm: { name: 'SHA-256' } }
  await file.makeInternalValues(
    { password: encryption.password, hmacHashAlgorithm: 'SHA-256', ...integrity },
    engine,
  )
  return new Uint8Array(file.toSchema().toBER())
}

/** The certificates in a PKCS#12 file, as PEM. @throws when the password is another. */
export async function certificatesInPkcs12(
  bytes: Uint8Array<ArrayBuffer>,
  password: string,
): Promise<readonly string[]> {
  const x509 = await loadX509()
  const { pkijs } = x509
  const engine = engineOf(x509)
  const secret = new Uint8Array(Buffer.from(password, 'utf8')).buffer
  const file = pkijs.PFX.fromBER(bytes)
  await file.parseInternalValues({ password: secret, checkIntegrity: true }, engine)
  const safe = file.parsedValue?.authenticatedSafe
  const contents = safe?.safeContents.map(() => ({ password: secret })) ?? []
  await safe?.parseInternalValues({ safeContents: contents }, engine)
  const found = (safe?.parsedValue.safeContents ?? []) as { value: { safeBags: SafeBag[] } }[]
  return found.flatMap(({ value }) => value.safeBags.flatMap(certificateIn))
}

function certificateIn({ bagId, bagValue }: SafeBag): readonly string[] {
  if (bagId !== bagOid.certificate) return []
  const { parsedValue } = bagValue as {
    parsedValue?: { toSchema: () => { toBER: () => ArrayBuffer } }
  }
  if (parsedValue === undefined) return []
  return [new X509Certificate(new Uint8Array(parsedValue.toSchema().toBER())).toString()]
}

function certificateBag(x509: X509, pem: string, bagAttributes: Attribute[] | undefined): SafeBag {
  const { pkijs } = x509
  const bagValue = new pkijs.CertBag({ parsedValue: readCertificate(x509, pem) })
  const attributes = bagAttributes === undefined ? {} : { bagAttributes }
  return new pkijs.SafeBag({ bagId: bagOid.certificate, bagValue, ...attributes })
}

function nameAttribute({ pkijs, asn1js }: X509, value: string): Attribute {
  const values = [new asn1js.BmpString({ value })]
  return new pkijs.Attribute({ type: attributeOid.friendlyName, values })
}

function keyIdAttribute({ pkijs, asn1js }: X509, keyId: Buffer): Attribute {
  const values = [new asn1js.OctetString({ valueHex: new Uint8Array(keyId).buffer })]
  return new pkijs.Attribute({ type: attributeOid.localKeyId, values })
}
