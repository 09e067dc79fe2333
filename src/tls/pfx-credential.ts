// Certificate, chain and key from one PKCS#12 file: that it can be opened, and has what is needed.
import { createSecureContext } from 'node:tls'
import { orderChain } from './chain.ts'
import type { PfxCredentialOptions } from './credential-options.ts'
import type { CredentialParts } from './credential-parts.ts'
import { failed, type MaterialProblem, type Reading, readMaterialFile } from './material.ts'
import { openPkcs12, Pkcs12Error } from './pkcs12.ts'

/** Opens the file and finds the certificate that the key in it is for. */
export function readPfxCredential({
  pfxFile: file,
  password = '',
}: PfxCredentialOptions): Reading<CredentialParts> {
  const what = { of: 'pfx', expected: 'a PKCS#12 file with certificate and key' } as const
  const bytes = readMaterialFile(file, what)
  if (!bytes.ok) return bytes
  const problem = pfxProblem(bytes.value, file, password)
  if (problem !== undefined) return failed(problem)
  try {
    const { certificates, keys } = openPkcs12(bytes.value, password)
    for (const key of keys) {
      const leaf = certificates.find((each) => each.checkPrivateKey(key))
      if (leaf === undefined) continue
      const chain = orderChain(leaf, certificates)
      return { ok: true, value: { chain, key, certFile: file } }
    }
    return failed({ ...what, file, got: 'one without them', mend: 'export both into the file' })
  } catch (thrown) {
    if (!(thrown instanceof Pkcs12Error)) throw thrown
    return failed({ ...what, file, got: `one that is ${thrown.message}`, mend: PFX_MEND })
  }
}

const PFX_MEND =
  'write it anew with: openssl pkcs12 -in FILE -legacy -nodes | openssl pkcs12 -export -out FILE.new'

/** What Node says of the file, which checks its integrity and with it the password. */
function pfxProblem(pfx: Buffer, file: string, passphrase: string): MaterialProblem | undefined {
  const what = { of: 'pfx', file, expected: 'a PKCS#12 file with certificate and key' } as const
  try {
    createSecureContext({ pfx, passphrase, ciphers: 'ALL:@SECLEVEL=0' })
    return undefined
  } catch (thrown) {
    const { message, code } = thrown as NodeJS.ErrnoException
    // Node has no code for it, only OpenSSL's reason.
    if (/mac verify failure/i.test(message)) {
      const expected = `the password of ${file}`
      const got = passphrase === '' ? 'none' : 'another one'
      return { of: 'pfx-password', file, expected, got, mend: 'correct password' }
    }
    if (code === 'ERR_CRYPTO_UNSUPPORTED_OPERATION') {
      return {
        ...what,
        got: 'one encrypted with RC2, or something else that is out of use',
        mend: PFX_MEND,
      }
    }
    if (pfx.includes('-----BEGIN ')) {
      return { ...what, got: 'PEM', mend: 'name it by cert_file and key_file instead' }
    }
    return { ...what, got: `${file}, which is none`, mend: 'name the right file' }
  }
}
