import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ParsedFile } from '../../src/certs/index.ts'
import { certsFolder } from './certs-run.ts'

const PLUGIN = 'certs/mcp/plugins/MyPlugin/server'
const PW = { PW: 'secret', WRONG: 'wrong' }

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('certs inspect', () => {
  it('says in words what a certificate is, with the pins that a configuration takes', async () => {
    const { certs, cert } = certsFolder()
    await certs('plugin MyPlugin --ip 127.0.0.1')
    const { code, stdout, stderr } = await certs(`inspect ${PLUGIN}.crt`)
    expect([code, stderr]).toEqual([0, ''])
    const { serialNumber, fingerprint256, raw, publicKey, validTo } = cert(`${PLUGIN}.crt`)
    const spki = publicKey.export({ type: 'spki', format: 'der' })
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim())
    expect(lines).toEqual(
      expect.arrayContaining([
        'Certificate:',
        'Subject: CN=MyPlugin',
        'Issuer: CN=Sallyport MCP CA',
        `Serial number: ${serialNumber}`,
        `Expires: ${validTo}`,
        'Names: DNS:MyPlugin, DNS:mcp-plugin-MyPlugin, DNS:localhost, IP Address:127.0.0.1',
        'Authority: no',
        'Key: ECDSA P-256',
        'Signature: ECDSA with SHA-256',
        'Version: 3',
        'Key usage: digitalSignature',
        'Extended key usage: serverAuth',
        expect.stringMatching(/^Subject key identifier: (?:[0-9A-F]{2}:){19}[0-9A-F]{2}$/),
        `Fingerprint (SHA-256): ${fingerprint256}`,
        `Pin of this certificate: sha256:${sha256(raw)}`,
        `Pin of its key: sha256:${sha256(spki)}`,
      ]),
    )
  })

  it('prints JSON for programs; the chain is bound together by key identifiers', async () => {
    const { certs, path, read } = certsFolder()
    await certs('plugin MyPlugin --key-type rsa-2048')
    writeFileSync(path('chain.pem'), read(`${PLUGIN}.crt`) + read('certs/mcp/ca/ca.crt'))
    const { stdout } = await certs('inspect chain.pem --json')
    const [leaf, authority] = (JSON.parse(stdout) as ParsedFile).certificates
    expect(leaf).toMatchObject({ isAuthority: false, key: 'RSA 2048', version: 3 })
    expect(authority).toMatchObject({
      isAuthority: true,
      keyUsage: ['keyCertSign', 'cRLSign'],
      extendedKeyUsage: [],
      names: [],
    })
    expect(leaf?.authorityKeyIdentifier).toBe(authority?.subjectKeyIdentifier)
    expect(leaf?.authorityKeyIdentifier).toMatch(/^[0-9A-F:]{59}$/)
  })

  it('opens keys and PKCS#12 files with a password, and says when it is another', async () => {
    const { certs, path, cert } = certsFolder()
    await certs('plugin MyPlugin --password-env PW --p12-password-env PW', PW)
    writeFileSync(path('pw'), 'secret\n', { mode: 0o600 })
    const closed = await certs(`inspect ${PLUGIN}.key`)
    expect(closed.stdout).toBe(
      'Private key:\n   Key: unknown without its password\n   Encrypted: yes\n',
    )
    const spki = cert(`${PLUGIN}.crt`).publicKey.export({ type: 'spki', format: 'der' })
    const open = await certs(`inspect ${PLUGIN}.key --password-file pw`)
    expect(open.stdout).toBe(
      `Private key:\n   Key: ECDSA P-256\n   Encrypted: yes\n   Pin of its key: sha256:${sha256(spki)}\n`,
    )
    const wrongKey = await certs(`inspect ${PLUGIN}.key --password-env WRONG`, PW)
    expect(wrongKey).toMatchObject({ code: 77, stdout: '' })
    const pfx = await certs(`inspect ${PLUGIN}.p12 --password-env PW`, PW)
    expect(pfx.stdout.match(/Subject: .*/g)).toEqual([
      'Subject: CN=MyPlugin',
      'Subject: CN=Sallyport MCP CA',
    ])
    for (const [flags, got] of [
      ['', 'none'],
      ['--password-env WRONG', 'another one'],
    ]) {
      const { code, stderr } = await certs(`inspect ${PLUGIN}.p12 ${flags}`, PW)
      expect(code).toBe(77)
      expect(stderr).toBe(
        `sallyport: ${PLUGIN}.p12: expected the password of this PKCS#12 file, got ${got}; give it with --password-file FILE or --password-env NAME\n`,
      )
    }
  })

  it('reads certificates and revocation lists in DER too', async () => {
    const { certs, path, cert, read } = certsFolder()
    await certs('plugin MyPlugin')
    await certs(`revoke ${PLUGIN}.crt --reason superseded`)
    writeFileSync(path('leaf.der'), cert(`${PLUGIN}.crt`).raw)
    const body = read('certs/mcp/ca/ca.crl').replaceAll(/-----[^-]+-----|\n/g, '')
    writeFileSync(path('list.der'), Buffer.from(body, 'base64'))
    expect((await certs('inspect leaf.der')).stdout).toMatch(/Subject: CN=MyPlugin/)
    const { stdout } = await certs('inspect list.der')
    expect(stdout).toMatch(/^Revocation list:\n {3}Issuer: CN=Sallyport MCP CA\n {3}Number: 1\n/)
    const { serialNumber } = cert(`${PLUGIN}.crt`)
    expect(stdout).toMatch(new RegExp(`^ {3}${serialNumber}: .* GMT, superseded$`, 'm'))
  })

  it.each([
    ['none.crt', undefined, /none\.crt: expected a file with certificates, got no such file/],
    [
      'text.crt',
      'hello',
      /text\.crt: expected a certificate, a key or a list of revoked certificates, got something else/,
    ],
    [
      'broken.crt',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /got something else/,
    ],
    ['empty.crt', '', /got something else/],
    ['big.crt', 'x'.repeat(4_194_305), /expected a file of at most 4194304 bytes, got more/],
  ])('says what it expected of %s', async (name, text, reason) => {
    const { certs, path } = certsFolder()
    if (text !== undefined) writeFileSync(path(name), text)
    const { code, stderr, stdout } = await certs(`inspect ${name}`)
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toMatch(reason)
  })

  it('shows what caused an error with --verbose', async () => {
    const { certs, path } = certsFolder()
    writeFileSync(path('text.crt'), 'hello')
    expect((await certs('inspect text.crt --verbose')).stderr).toMatch(/\n {2}caused by: /)
    expect(readFileSync(path('text.crt'), 'utf8')).toBe('hello')
  })
})
