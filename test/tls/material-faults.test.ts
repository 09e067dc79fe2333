// What is wrong with the files of a listener's TLS: each stops the start with file, reason and mend.
import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createServerTls, type ServerTls, type ServerTlsOptions } from '../../src/tls/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

function load(options: ServerTlsOptions): ServerTls {
  return createServerTls(options, { name: 'listener test', clock: systemClock })
}

/** `FILE: expected …`, with the folder left out. */
function complaint(options: ServerTlsOptions): string {
  try {
    load(options)
  } catch (error) {
    const { message, name } = error as Error
    return name === 'TlsMaterialError' ? message.replaceAll(/\/\S*\//g, '') : String(error)
  }
  return 'none'
}

const pem = (certFile: string, keyFile: string, keyPassword?: string): ServerTlsOptions =>
  serverTlsOptions([], { credentials: [{ kind: 'pem', certFile, keyFile, keyPassword }] })
const pfx = (pfxFile: string, password?: string): ServerTlsOptions =>
  serverTlsOptions([], { credentials: [{ kind: 'pfx', pfxFile, password }] })

function write(file: string, content: string | Buffer): string {
  writeFileSync(file, content, { mode: 0o600 })
  return file
}

describe('a certificate', () => {
  it.each<[string, Parameters<TestAuthority['issue']>[0], RegExp]>([
    [
      'has expired',
      { fromDay: -3, toDay: -1 },
      /^\S+\.crt: expected a certificate that has not expired, got one that expired on .* GMT; renew it$/,
    ],
    [
      'is not valid yet',
      { fromDay: 1 },
      /^\S+\.crt: expected a certificate that is valid now, got one that is not valid before .* GMT; wait until then/,
    ],
    [
      'is for clients',
      { purpose: 'clientAuth' },
      /expected a certificate for a server \(extended key usage serverAuth\), got one for clientAuth only; issue it with extended key usage serverAuth$/,
    ],
    [
      'is for code',
      { purpose: 'codeSigning,clientAuth' },
      /got one for codeSigning, clientAuth only/,
    ],
    [
      'lacks its chain',
      { extensions: ['authorityInfoAccess=caIssuers;URI:http://a.example/ca'] },
      /expected a complete chain, got the certificate alone, without that of its issuer, "Test CA"; append the certificate of the issuer/,
    ],
  ])('stops the start when it %s', (_, issued, expected) => {
    expect(complaint(serverTlsOptions(testAuthority().issue(issued)))).toMatch(expected)
  })

  it.each(['', 'serverAuth', 'serverAuth,clientAuth'])('is taken with purposes "%s"', (purpose) => {
    expect(complaint(serverTlsOptions(testAuthority().issue({ purpose })))).toBe('none')
  })

  it('is taken alone when it says nothing of where its issuer is', () => {
    expect(complaint(serverTlsOptions(testAuthority().issue()))).toBe('none')
  })

  it('is taken with where its issuer is, and the issuer', () => {
    const { chainFile, keyFile } = testAuthority().issue({
      extensions: ['authorityInfoAccess=caIssuers;URI:http://a.example/ca'],
    })
    expect(complaint(pem(chainFile, keyFile))).toBe('none')
  })

  it('stops the start with a gap in its chain', () => {
    const root = testAuthority('Root')
    const { cert, certFile, keyFile } = root.intermediate('Below').issue({ commonName: 'leaf' })
    const chain = write(`${certFile}.chain`, cert + root.cert)
    expect(complaint(pem(chain, keyFile))).toMatch(
      /expected a complete chain, each certificate followed by its issuer, got "Root" after "leaf", which "Below" issued; put the certificates in order/,
    )
  })

  it('stops the start when it comes after its chain', () => {
    const authority = testAuthority()
    const { cert, certFile, keyFile } = authority.issue()
    const chain = write(`${certFile}.chain`, authority.cert + cert)
    expect(complaint(pem(chain, keyFile))).toMatch(
      /expected the certificate of the key in \S+ before its chain, got it in place 2 of 2; put the certificates in order/,
    )
  })

  it('is told to be DER with the command that converts it', () => {
    const { certFile, keyFile } = testAuthority().issue()
    execFileSync('openssl', ['x509', '-in', certFile, '-outform', 'der', '-out', `${certFile}.der`])
    expect(complaint(pem(`${certFile}.der`, keyFile))).toMatch(
      /convert it to PEM, a text that starts with "-----BEGIN": openssl x509 -inform der/,
    )
  })
})

describe('a key', () => {
  const forms: readonly (readonly [string, readonly string[]])[] = [
    ['PKCS#8', ['pkcs8', '-topk8', '-nocrypt']],
    ['PKCS#8, encrypted', ['pkcs8', '-topk8', '-passout', 'pass:secret']],
    ['PKCS#8, encrypted with scrypt', ['pkcs8', '-topk8', '-scrypt', '-passout', 'pass:secret']],
    ['PKCS#1', ['rsa', '-traditional']],
    ['PKCS#1, encrypted', ['rsa', '-traditional', '-aes256', '-passout', 'pass:secret']],
    ['SEC 1', ['ec']],
    ['SEC 1, encrypted', ['ec', '-aes256', '-passout', 'pass:secret']],
  ]

  it.each(forms)('is taken as %s', (form, args) => {
    const { certFile, keyFile } = testAuthority().issue({
      key: form.startsWith('SEC') ? 'ec' : 'rsa',
    })
    const converted = write(`${keyFile}.new`, '')
    execFileSync('openssl', [...args, '-in', keyFile, '-out', converted], { stdio: 'pipe' })
    const password = form.includes('encrypted') ? 'secret' : undefined
    expect(complaint(pem(certFile, converted, password))).toBe('none')
    if (password === undefined) return
    expect(complaint(pem(certFile, converted))).toMatch(
      /\.new: expected a PEM file with a private key, got an encrypted one without its password; set key_password/,
    )
    const wrong = complaint(pem(certFile, converted, 'hunter2'))
    expect(wrong).toMatch(
      /\.new: expected the password of the key in \S+, got another one; correct key_password$/,
    )
    expect(wrong).not.toContain('hunter2')
  })

  it.each([0o604, 0o644, 0o660, 0o666])('is refused with mode %i', (mode) => {
    const leaf = testAuthority().issue()
    chmodSync(leaf.keyFile, mode)
    expect(complaint(serverTlsOptions(leaf))).toContain(
      `got mode 0${mode.toString(8)}; run: chmod 600`,
    )
    const allowed = serverTlsOptions(leaf, { insecureAllowReadableKeys: true })
    expect(complaint(allowed)).toBe('none')
  })

  it('is told of together with what is wrong with the certificate', () => {
    const leaf = testAuthority().issue({ fromDay: -3, toDay: -1 })
    chmodSync(leaf.keyFile, 0o644)
    expect(complaint(serverTlsOptions(leaf))).toMatch(/expired on .*; and .* got mode 0644/)
  })
})

describe('a PKCS#12 file', () => {
  const exported = ({ certFile, keyFile }: TestLeaf, ...more: readonly string[]): string => {
    const file = write(`${certFile}.p12`, '')
    const parts = ['-in', certFile, '-inkey', keyFile, '-passout', 'pass:secret', '-out', file]
    execFileSync('openssl', ['pkcs12', '-export', ...parts, ...more], { stdio: 'pipe' })
    return file
  }
  const tripleDes = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']

  it.each([
    ['AES', []],
    ['AES-128 and another hash', ['-keypbe', 'aes-128-cbc', '-certpbe', 'aes-128-cbc']],
    ['3DES, as Windows does', tripleDes],
    ['nothing for the certificate', ['-certpbe', 'NONE']],
  ])('is taken encrypted with %s', (_, args) => {
    const file = exported(testAuthority().issue({ key: 'rsa' }), ...args)
    expect(complaint(pfx(file, 'secret'))).toBe('none')
    expect(complaint(pfx(file, 'hunter2'))).toMatch(
      /\.p12: expected the password of \S+, got another one; correct password$/,
    )
    expect(complaint(pfx(file))).toMatch(
      /expected the password of \S+, got none; correct password$/,
    )
  })

  it('encrypted with RC2 is refused with the command that converts it', () => {
    const file = exported(testAuthority().issue(), '-legacy')
    expect(complaint(pfx(file, 'secret'))).toMatch(
      /got one encrypted with RC2.*openssl pkcs12 .*-legacy/,
    )
  })

  it('brings its chain in order', () => {
    const root = testAuthority('Root')
    const below = root.intermediate('Below')
    const chain = write(`${root.certFile}.all`, root.cert + below.cert)
    const file = exported(below.issue({ commonName: 'leaf' }), '-certfile', chain)
    const { expiring } = load(pfx(file, 'secret'))
    expect(expiring.map(({ subject }) => subject)).toEqual(['"leaf"', '"Below"', '"Root"'])
  })

  it.each([
    [
      'nonsense',
      'nonsense',
      /expected a PKCS#12 file with certificate and key, got \S+, which is none; name the right file/,
    ],
    ['PEM', '-----BEGIN CERTIFICATE-----\n', /got PEM; name it by cert_file and key_file/],
  ])('is refused when it is %s', (_, content, expected) => {
    const { certFile } = testAuthority().issue()
    expect(complaint(pfx(write(`${certFile}.p12`, content), 'secret'))).toMatch(expected)
  })

  it('that everybody can read is refused', () => {
    const file = testAuthority().issue().pfx('secret')
    chmodSync(file, 0o644)
    expect(complaint(pfx(file, 'secret'))).toContain('got mode 0644')
  })
})

describe('client_ca_file', () => {
  const verify = (clientCaFile: string, crlFile?: string): ServerTlsOptions =>
    serverTlsOptions(testAuthority().issue(), { clientAuth: 'verify', clientCaFile, crlFile })

  it.each([
    [
      'nonsense',
      /\.new: expected a PEM file with certificates, got \S+, which holds none; convert it/,
    ],
    [
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /which is damaged; get the file anew/,
    ],
  ])('stops the start with content %j', (content, expected) => {
    const { certFile } = testAuthority()
    expect(complaint(verify(write(`${certFile}.new`, content)))).toMatch(expected)
  })

  it('stops the start when it is missing', () => {
    expect(complaint(verify('/nowhere/ca.crt'))).toMatch(
      /expected a PEM file with certificates, got no file at/,
    )
  })

  it('stops the start when it has authorities below a root, and not the root', () => {
    const root = testAuthority('Root')
    const below = root.intermediate('Below')
    expect(complaint(verify(below.certFile))).toMatch(
      /expected certificates up to a root, got "Below" without the root above it, "Root"; append the root/,
    )
    expect(complaint(verify(write(`${below.certFile}.all`, below.cert + root.cert)))).toBe('none')
  })

  it('tells when each of its certificates ends', () => {
    const authority = testAuthority('Clients')
    const { files, expiring } = load(verify(authority.certFile, authority.crl(7)))
    expect(files).toContain(authority.certFile)
    expect(expiring.map(({ role, subject }) => `${role} ${subject}`)).toEqual([
      'server "leaf"',
      'ca "Clients"',
      'crl "Clients"',
    ])
    const days = (expiring[2]!.notAfterMs - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(7)
  })

  describe('with crl_file', () => {
    it('stops the start when the list has expired', () => {
      const authority = testAuthority()
      expect(complaint(verify(authority.certFile, authority.crl(-1)))).toMatch(
        /\.crl: expected revocation lists that have not expired, got one of "Test CA" that expired on .* GMT; make a new one/,
      )
    })

    it('stops the start when there is none of an authority', () => {
      const [one, other] = [testAuthority('One'), testAuthority('Other')]
      const both = write(`${one.certFile}.both`, one.cert + other.cert)
      expect(complaint(verify(both, one.crl()))).toMatch(
        /expected a revocation list of each authority in client_ca_file, got none of "Other"; append it/,
      )
      const lists = write(
        `${both}.crl`,
        readFileSync(one.crl(), 'utf8') + readFileSync(other.crl(), 'utf8'),
      )
      expect(complaint(verify(both, lists))).toBe('none')
    })

    it.each([
      ['nonsense', /expected a PEM file with revocation lists, got \S+, which holds none/],
      [
        '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n',
        /which is damaged; get the file anew/,
      ],
    ])('stops the start with content %j', (content, expected) => {
      const authority = testAuthority()
      const file = write(`${authority.certFile}.crl`, content)
      expect(complaint(verify(authority.certFile, file))).toMatch(expected)
    })
  })
})
