// The authority of a tree: made once, then opened with its key's password by whoever issues, renews or revokes.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type Clock, systemClock } from '../core/index.ts'
import { isAuthority, makeAuthority } from './authority.ts'
import { CertificateError } from './certificate-error.ts'
import { placeFolder, readIfThere, sweepDrafts } from './files.ts'
import { type AroundKey, encryptKey, isEncrypted } from './keys.ts'
import type { KeyType } from './options.ts'
import { authorityFiles } from './tree.ts'
import type { CertificateAndKey } from './x509.ts'

const DAY_MS = 24 * 60 * 60_000

export interface AuthoritySettings {
  readonly dir: string
  readonly days: number
  readonly keyType: KeyType
  /** Of its key; undefined: the key is written as it is. */
  readonly password?: string | undefined
  readonly clock?: Clock
  readonly aroundKey?: AroundKey | undefined
}

const COMMON_NAME = 'Sallyport MCP CA'

export interface MadeAuthority {
  readonly authority: CertificateAndKey
  /** False: it was there. */
  readonly made: boolean
}

/** The authority that is there, or a new one. Of runs at the same time, one makes it and the others take that one. */
export async function ensureAuthority(settings: AuthoritySettings): Promise<MadeAuthority> {
  const { dir, password, clock = systemClock } = settings
  if (await hasAuthority(dir)) return { authority: await openAuthority(dir, password), made: false }
  await sweepDrafts(dir, clock.nowMs())
  const authority = await makeAuthority({
    commonName: COMMON_NAME,
    validForMs: settings.days * DAY_MS,
    keyType: settings.keyType,
    aroundKey: settings.aroundKey,
    clock,
  })
  const kept = password === undefined ? undefined : await encryptKey(authority.keyPem, password)
  const made = await placeFolder(authorityFiles(dir).folder, [
    { path: 'ca.key', content: kept ?? authority.keyPem, secret: true },
    { path: 'ca.crt', content: authority.certPem },
  ])
  return made ? { authority, made } : { authority: await openAuthority(dir, password), made: false }
}

/** @throws CertificateError when only one of the two files is there: neither making nor using it can be meant. */
export async function hasAuthority(dir: string): Promise<boolean> {
  const { certFile, keyFile } = authorityFiles(dir)
  const [cert, key] = [await readIfThere(certFile), await readIfThere(keyFile)]
  if (cert === undefined && key === undefined) return false
  if (cert !== undefined && key !== undefined) return true
  const [there, missing] = cert === undefined ? [keyFile, certFile] : [certFile, keyFile]
  throw new CertificateError(
    'files',
    `${missing}: expected the other half of ${there}, got no such file; bring it back, or delete both`,
  )
}

/** @throws CertificateError when it is not there, broken, no authority, or under another password. */
export async function openAuthority(
  dir: string,
  password: string | undefined,
): Promise<CertificateAndKey> {
  const { certFile, keyFile } = authorityFiles(dir)
  if (!(await hasAuthority(dir))) {
    const message = `${certFile}: expected an authority, got no such file; make one with: sallyport certs ca, or name its tree with --dir`
    throw new CertificateError('files', message)
  }
  const certPem = await readAuthorityCertificate(dir)
  const stored = (await readIfThere(keyFile)) ?? ''
  const keyPem = decryptKey({ keyFile, keyPem: stored, password, flag: '--ca-password' })
  if (!new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem))) {
    const message = `${keyFile}: expected the key of ${certFile}, got another one; bring back the files of one pair`
    throw new CertificateError('files', message)
  }
  return { certPem, keyPem }
}

/** The certificate alone, which needs no password. */
export async function readAuthorityCertificate(dir: string): Promise<string> {
  const { certFile } = authorityFiles(dir)
  const text = await readIfThere(certFile)
  try {
    if (text !== undefined && isAuthority(text)) return text
  } catch (thrown) {
    const message = `${certFile}: expected a certificate in PEM, got something else; bring it back from a copy`
    throw new CertificateError('files', message, { cause: thrown })
  }
  const got = text === undefined ? 'no such file' : 'the certificate of something else'
  throw new CertificateError(
    'files',
    `${certFile}: expected the certificate of an authority, got ${got}; make one with: sallyport certs ca`,
  )
}

export interface StoredKey {
  readonly keyFile: string
  readonly keyPem: string
  readonly password: string | undefined
  /** Which flags give its password: `--password`, `--ca-password`. */
  readonly flag: string
}

/** The key as unencrypted PKCS#8, whatever it was before. */
export function decryptKey({ keyFile, keyPem, password, flag }: StoredKey): string {
  const encrypted = isEncrypted(keyPem)
  if (encrypted && password === undefined) {
    const message = `${keyFile}: expected the password of this encrypted key, got none; give it with ${flag}-file FILE or ${flag}-env NAME`
    throw new CertificateError('denied', message)
  }
  try {
    const passphrase = encrypted && password !== undefined ? { passphrase: password } : {}
    const key = createPrivateKey({ key: keyPem, ...passphrase })
    return key.export({ type: 'pkcs8', format: 'pem' }) as string
  } catch (thrown) {
    const [expected, mend] = encrypted
      ? [
          'the password of this key',
          `give the right one with ${flag}-file FILE or ${flag}-env NAME`,
        ]
      : ['a private key in PEM', 'bring it back from a copy']
    const message = `${keyFile}: expected ${expected}, got another; ${mend}`
    throw new CertificateError(encrypted ? 'denied' : 'files', message, { cause: thrown })
  }
}
