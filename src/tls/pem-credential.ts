// Certificate and key from two PEM files: that they can be read, opened, and belong together.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import type { Chain } from './chain.ts'
import type { PemCredentialOptions } from './credential-options.ts'
import type { CredentialParts } from './credential-parts.ts'
import { failed, mendForNoPem, pemBlocks, type Reading, readMaterialFile } from './material.ts'

const CERTIFICATE_LABEL = /(?:X509 |TRUSTED )?CERTIFICATE/
const KEY_LABEL = /(?:[A-Z0-9]+ )*PRIVATE KEY/

/** Reads certificate and key and checks that they belong together. */
export function readPemCredential({
  certFile,
  keyFile,
  keyPassword,
}: PemCredentialOptions): Reading<CredentialParts> {
  const certificates = readCertificates(certFile)
  const key = readKey(keyFile, keyPassword)
  if (!certificates.ok || !key.ok) {
    return { ok: false, problems: [certificates, key].flatMap((it) => (it.ok ? [] : it.problems)) }
  }
  const chain = certificates.value
  if (chain[0].checkPrivateKey(key.value)) {
    return { ok: true, value: { chain, key: key.value, certFile } }
  }
  const at = chain.findIndex((each) => each.checkPrivateKey(key.value))
  if (at < 0) {
    return failed({
      of: 'key',
      file: keyFile,
      expected: `the private key of the certificate in ${certFile}`,
      got: 'the key of another certificate',
      mend: 'name the files of one pair',
    })
  }
  return failed({
    of: 'certificate',
    file: certFile,
    expected: `the certificate of the key in ${keyFile} before its chain`,
    got: `it in place ${at + 1} of ${chain.length}`,
    mend: 'put the certificates in order: leaf first, then what issued it, and so on',
  })
}

/** The certificate and its chain, in the order of the file. */
export function readCertificates(file: string): Reading<Chain> {
  const what = { of: 'certificate', expected: 'a PEM file with a certificate' } as const
  const bytes = readMaterialFile(file, what)
  if (!bytes.ok) return bytes
  try {
    const [leaf, ...others] = pemBlocks(bytes.value.toString('latin1'), CERTIFICATE_LABEL).map(
      (block) => new X509Certificate(block),
    )
    if (leaf !== undefined) return { ok: true, value: [leaf, ...others] }
  } catch {
    // OpenSSL's messages are about its decoder, and the reader's question is which file is wrong.
    return failed({ ...what, file, got: `${file}, which is damaged`, mend: 'get the file anew' })
  }
  const mend = mendForNoPem(bytes.value, 'openssl x509 -inform der -in FILE -out FILE.pem')
  return failed({ ...what, file, got: `${file}, which holds none`, mend })
}

function readKey(file: string, password: string | undefined): Reading<KeyObject> {
  const what = { of: 'key', expected: 'a PEM file with a private key' } as const
  const bytes = readMaterialFile(file, what)
  if (!bytes.ok) return bytes
  const [pem] = pemBlocks(bytes.value.toString('latin1'), KEY_LABEL)
  if (pem === undefined) {
    const mend = mendForNoPem(bytes.value, 'openssl pkey -inform der -in FILE -out FILE.pem')
    return failed({ ...what, file, got: `${file}, which holds none`, mend })
  }
  const isEncrypted = /ENCRYPTED/.test(pem)
  if (isEncrypted && password === undefined) {
    const mend = 'set key_password, best as "${KEY_PASSWORD}"'
    return failed({ ...what, file, got: 'an encrypted one without its password', mend })
  }
  try {
    const key = createPrivateKey(isEncrypted ? { key: pem, passphrase: password } : pem)
    return { ok: true, value: key }
  } catch {
    if (!isEncrypted) {
      return failed({ ...what, file, got: `${file}, which is damaged`, mend: 'get the file anew' })
    }
    return failed({
      of: 'key-password',
      file,
      expected: `the password of the key in ${file}`,
      got: 'another one',
      mend: 'correct key_password',
    })
  }
}
