import { readdirSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { hasTool, run } from '../support/programs.ts'
import { certsFolder, DAY_MS } from './certs-run.ts'

const CRL = 'certs/mcp/ca/ca.crl'
const GATEWAY = 'certs/mcp/gateway/client.crt'

/** What the list says, by openssl's reading. */
async function listed(file: string): Promise<string> {
  return (await run('openssl', ['crl', '-in', file, '-noout', '-text', '-nameopt', 'RFC2253']))
    .output
}

describe.skipIf(!hasTool('openssl'))('certs revoke', () => {
  it('puts a certificate on the list, with its reason, and says so', async () => {
    const { certs, cert, path, read, mode } = certsFolder()
    await certs('gateway')
    const { serialNumber } = cert(GATEWAY)
    const { code, stdout, stderr } = await certs(`revoke ${GATEWAY} --reason keyCompromise`)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      new RegExp(
        `^Revoked: ${serialNumber} \\(keyCompromise\\)\nRevocation List:\n {3}Written: ${CRL} \\(number 1, 1 revoked\\)\n {3}Next due: .* GMT\n$`,
      ),
    )
    expect(read(CRL)).toMatch(/^-----BEGIN X509 CRL-----\n/)
    expect(mode(CRL)).toBe('644')
    expect(await listed(path(CRL))).toMatch(
      new RegExp(
        `Version 2[\\s\\S]*CRL Number: \\n\\s+1\n[\\s\\S]*Serial Number: ${serialNumber}\n[\\s\\S]*Key Compromise`,
      ),
    )
    expect(() => createSecureContext({ crl: read(CRL) })).not.toThrow()
  })

  it.each([
    ['unspecified', 'none'],
    ['affiliationChanged', 'Affiliation Changed'],
    ['superseded', 'Superseded'],
    ['cessationOfOperation', 'Cessation Of Operation'],
    ['privilegeWithdrawn', 'Privilege Withdrawn'],
  ])('takes the reason %s', async (reason, words) => {
    const { certs, path } = certsFolder()
    await certs('gateway')
    await certs(`revoke ${GATEWAY} --reason ${reason}`)
    const text = await listed(path(CRL))
    expect(/Reason Code: \n\s+(.*)/.exec(text)?.[1] ?? 'none').toBe(words)
  })

  it('takes a serial number, in the forms in which it is printed', async () => {
    const { certs, cert, path } = certsFolder()
    await certs('gateway')
    const { serialNumber } = cert(GATEWAY)
    const colons = serialNumber.toLowerCase().replaceAll(/..(?!$)/g, '$&:')
    expect((await certs(`revoke ${colons}`)).stdout).toContain(`Revoked: ${serialNumber}`)
    expect(await listed(path(CRL))).toContain(`Serial Number: ${serialNumber}`)
  })

  it('keeps to what was said first', async () => {
    const { certs } = certsFolder()
    await certs('gateway')
    await certs(`revoke ${GATEWAY} --reason keyCompromise`)
    const { code, stdout } = await certs(`revoke ${GATEWAY} --reason superseded`)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Revoked before, on .* GMT: [0-9A-F]+ \(keyCompromise\)\n/)
    expect(stdout).toContain('(number 2, 1 revoked)')
  })

  it('lasts as --crl-days says, with a tree and an encrypted key as elsewhere', async () => {
    const { certs, path } = certsFolder()
    const PW = { PW: 'secret' }
    await certs('gateway --dir tree --ca-password-env PW', PW)
    const refused = await certs('revoke tree/gateway/client.crt --dir tree')
    expect(refused.code).toBe(77)
    expect(readdirSync(path('tree/ca'))).not.toContain('revoked')
    await certs('revoke tree/gateway/client.crt --dir tree --crl-days 3 --ca-password-env PW', PW)
    expect(await lifeDays(path('tree/ca/ca.crl'))).toBe(3)
  })

  it.each([
    [
      'none.crt',
      2,
      /expected a certificate's file or the serial number of one that was issued here, got "none\.crt"/,
    ],
    ['ABCDEF', 2, /got "ABCDEF"; find it with: sallyport certs inspect FILE/],
    [
      'certs/mcp/ca/ca.crt',
      2,
      /got the authority itself; to end its trust, remove it from where it is trusted/,
    ],
    ['certs/mcp/gateway/client.key', 78, /expected a certificate in PEM, got something else/],
    [
      'other/gateway/client.crt',
      78,
      /expected a certificate of the authority in certs\/mcp\/ca\/ca\.crt, got one of another/,
    ],
  ])('refuses %s', async (what, code, reason) => {
    const { certs, path } = certsFolder()
    await certs('gateway')
    await certs('gateway --dir other')
    const ended = await certs(`revoke ${what}`)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(reason)
    expect(readdirSync(path('certs/mcp/ca'))).not.toContain('ca.crl')
  })

  it('refuses a reason that is none', async () => {
    const { code, stderr } = await certsFolder().certs('revoke x --reason bored')
    expect(code).toBe(2)
    expect(stderr).toMatch(/Allowed choices are unspecified, keyCompromise, /)
  })
})

async function lifeDays(file: string): Promise<number> {
  const { output } = await run('openssl', [
    'crl',
    '-in',
    file,
    '-noout',
    '-lastupdate',
    '-nextupdate',
  ])
  const [from = '', to = ''] = output.match(/(?<=Update=).*/g) ?? []
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS)
}

describe.skipIf(!hasTool('openssl'))('certs crl', () => {
  it('writes a list, empty at first, with a higher number every time', async () => {
    const { certs, path } = certsFolder()
    await certs('ca')
    expect((await certs('crl')).stdout).toContain('(number 1, 0 revoked)')
    expect(await listed(path(CRL))).toContain('No Revoked Certificates.')
    expect(await lifeDays(path(CRL))).toBe(30)
    await certs('crl --crl-days 7')
    expect(await lifeDays(path(CRL))).toBe(7)
    expect(await listed(path(CRL))).toMatch(/CRL Number: \n\s+2\n/)
    const verified = await run('openssl', [
      'crl',
      '-in',
      path(CRL),
      '-CAfile',
      path('certs/mcp/ca/ca.crt'),
      '-noout',
    ])
    expect(verified.output).toContain('verify OK')
  })

  it('is signed by an RSA authority as well, and by an encrypted one', async () => {
    const { certs, path } = certsFolder()
    const PW = { PW: 'secret' }
    await certs('ca --key-type rsa-2048 --ca-password-env PW', PW)
    expect((await certs('crl')).code).toBe(77)
    expect((await certs('crl --ca-password-env PW', PW)).code).toBe(0)
    expect(await listed(path(CRL))).toContain('sha256WithRSAEncryption')
  })

  it('says where to begin when there is no authority', async () => {
    const { code, stderr } = await certsFolder().certs('crl --dir none')
    expect(code).toBe(78)
    expect(stderr).toMatch(
      /^sallyport: none\/ca\/ca\.crt: expected an authority, got no such file; make one with: sallyport certs ca/,
    )
  })
})
