import { createPrivateKey } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { certsFolder, daysOf } from './certs-run.ts'

const CA = 'certs/mcp/ca/ca.crt'
const GATEWAY = 'certs/mcp/gateway/client.crt'
const PLUGIN = 'certs/mcp/plugins/MyPlugin/server'

describe('certs renew', () => {
  it('issues anew with the same names, use, type and life, and a new key', async () => {
    const { certs, cert, read, mode, path } = certsFolder()
    await certs('ca --days 400')
    await certs(
      'plugin MyPlugin --san spiffe://example.com/p --ip ::1 --key-type rsa-2048 --days 60',
    )
    const old = cert(`${PLUGIN}.crt`)
    const { code, stdout, stderr } = await certs('renew plugin/MyPlugin')
    expect(code).toBe(0)
    expect(stderr).toBe('Plugin MyPlugin: making an RSA-2048 key, which takes some seconds\n')
    const renewed = cert(`${PLUGIN}.crt`)
    expect(renewed.serialNumber).not.toBe(old.serialNumber)
    expect(renewed.publicKey.equals(old.publicKey)).toBe(false)
    const same = ({ subject, subjectAltName, keyUsage, publicKey }: typeof old) => [
      subject,
      subjectAltName,
      keyUsage,
      publicKey.asymmetricKeyDetails?.modulusLength,
    ]
    expect(same(renewed)).toEqual(same(old))
    expect(daysOf(renewed)).toBe(60)
    expect(renewed.verify(cert(CA).publicKey)).toBe(true)
    expect(renewed.checkPrivateKey(createPrivateKey(read(`${PLUGIN}.key`)))).toBe(true)
    expect([mode(`${PLUGIN}.crt`), mode(`${PLUGIN}.key`)]).toEqual(['644', '600'])
    expect(readdirSync(path('certs/mcp/plugins/MyPlugin'))).toEqual([
      'ca.crt',
      'server.crt',
      'server.key',
    ])
    expect(stdout).toContain(`   Renewed: ${PLUGIN}.crt\n   Expires: ${renewed.validTo}\n`)
    expect(stdout).toContain(`sallyport certs revoke ${old.serialNumber} --reason superseded`)
    expect((await certs(`revoke ${old.serialNumber} --reason superseded`)).code).toBe(0)
  })

  it('goes on with the key under --keep-key, and lasts as --days or MCP_CERT_DAYS say', async () => {
    const { certs, cert } = certsFolder()
    await certs('gateway --days 60')
    await certs('ca')
    const { publicKey } = cert(GATEWAY)
    await certs('renew gateway --keep-key --days 9')
    expect(cert(GATEWAY).publicKey.equals(publicKey)).toBe(true)
    expect(daysOf(cert(GATEWAY))).toBe(9)
    await certs('renew gateway', { MCP_CERT_DAYS: '12' })
    expect(daysOf(cert(GATEWAY))).toBe(12)
  })

  it('renews the authority with its own key: all that it issued is good under both', async () => {
    const { certs, cert, read } = certsFolder()
    await certs('all --days 100')
    const [old, gateway] = [cert(CA), cert(GATEWAY)]
    const { code, stdout } = await certs('renew ca --days 300')
    const renewed = cert(CA)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /Key: the same, so every certificate it issued stays good under the old and the new one/,
    )
    expect([renewed.subject, renewed.ca, daysOf(renewed)]).toEqual([old.subject, true, 300])
    expect(renewed.serialNumber).not.toBe(old.serialNumber)
    expect(gateway.checkIssued(renewed) && gateway.verify(renewed.publicKey)).toBe(true)
    await certs('renew gateway')
    expect(cert(GATEWAY).checkIssued(old) && cert(GATEWAY).verify(old.publicKey)).toBe(true)
    for (const copy of ['gateway', 'plugins/example-plugin-a', 'plugins/example-plugin-b']) {
      expect(read(`certs/mcp/${copy}/ca.crt`)).toBe(read(CA))
    }
  })

  it('leaves a ca.crt alone into which somebody put other authorities', async () => {
    const { certs, path, read } = certsFolder()
    await certs('gateway')
    await certs('ca --dir other')
    const bundle = read(CA) + read('other/ca/ca.crt')
    writeFileSync(path('certs/mcp/gateway/ca.crt'), bundle)
    await certs('renew ca')
    expect(read('certs/mcp/gateway/ca.crt')).toBe(bundle)
  })

  it('renews with --within all that is near its end, the authority first', async () => {
    const { certs, cert } = certsFolder()
    await certs('ca --days 20')
    await certs('server soon')
    await certs('renew ca --days 500')
    await certs('server later --days 200')
    await certs('client lost --days 5')
    await certs('revoke certs/mcp/clients/lost/client.crt')
    const before = ['servers/soon/server', 'servers/later/server', 'clients/lost/client'].map(
      (file) => cert(`certs/mcp/${file}.crt`).serialNumber,
    )
    const { code, stdout, stderr } = await certs('renew --within 30d')
    const after = ['servers/soon/server', 'servers/later/server', 'clients/lost/client'].map(
      (file) => cert(`certs/mcp/${file}.crt`).serialNumber,
    )
    expect(code).toBe(0)
    expect(stdout.match(/^\S.*:$/gm)).toEqual(['Server soon:'])
    expect(stderr).toMatch(/^Client lost: revoked, so it is not renewed with the others/)
    expect(after.map((serial, index) => serial === before[index])).toEqual([false, true, true])
    // What the first run gave it was cut short by its authority; what was asked for counts.
    expect(daysOf(cert('certs/mcp/servers/soon/server.crt'))).toBe(500)
    const all = await certs('renew --within 600d')
    expect(all.stdout.match(/^\S.*:$/gm)).toEqual([
      'CA Certificate:',
      'Server later:',
      'Server soon:',
    ])
    expect((await certs('renew --within 1d')).stdout).toBe('Nothing is near its end.\n')
  })

  it('renews files of a configuration too, wherever they are', async () => {
    const { certs, cert, path } = certsFolder()
    writeFileSync(
      path('sallyport.yaml'),
      `
listeners: [{listen: "127.0.0.1:8443", tls: {cert_file: tls/a.crt, key_file: tls/a.key, client_ca_file: tls/ca.crt}}]
servers: {one: {endpoints: [{url: "http://127.0.0.1:1/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
`,
    )
    await certs('all --days 10')
    const old = cert('tls/a.crt')
    const { stdout } = await certs('renew tls/a.crt --days 20')
    expect(stdout).toMatch(/^listeners\[0\]\.tls:\n {3}Renewed: .*tls\/a\.crt$/m)
    expect(cert('tls/a.crt').serialNumber).not.toBe(old.serialNumber)
    await certs('renew ca --days 50')
    expect(cert('tls/ca.crt').serialNumber).toBe(cert(CA).serialNumber)
  })

  it('keeps a chain that follows the certificate in its file', async () => {
    const { certs, path, read } = certsFolder()
    await certs('gateway')
    writeFileSync(path(GATEWAY), read(GATEWAY) + read(CA))
    await certs('renew gateway')
    expect(read(GATEWAY).endsWith(read(CA))).toBe(true)
    expect(read(GATEWAY).match(/BEGIN/g)).toHaveLength(2)
  })

  it('protects the new key as the old one was, and the PKCS#12 file with it', async () => {
    const { certs, read, path, cert } = certsFolder()
    const PW = { PW: 'secret', P12: 'p12-secret', NEW: 'another' }
    await certs('gateway --password-env PW --p12-password-env P12', PW)
    const before = [read(GATEWAY), readFileSync(path('certs/mcp/gateway/client.p12'), 'latin1')]
    for (const flags of [
      '',
      '--p12-password-env P12',
      '--password-env PW',
      '--password-env NEW --p12-password-env P12',
    ]) {
      const { code, stderr } = await certs(`renew gateway ${flags}`, PW)
      expect(code).toBe(77)
      expect(stderr).toMatch(/expected the password of this/)
    }
    expect([read(GATEWAY), readFileSync(path('certs/mcp/gateway/client.p12'), 'latin1')]).toEqual(
      before,
    )
    const { code } = await certs('renew gateway --password-env PW --p12-password-env P12', PW)
    expect(code).toBe(0)
    const key = createPrivateKey({
      key: read('certs/mcp/gateway/client.key'),
      passphrase: 'secret',
    })
    expect(cert(GATEWAY).checkPrivateKey(key)).toBe(true)
    const pfx = readFileSync(path('certs/mcp/gateway/client.p12'))
    expect(() => createSecureContext({ pfx, passphrase: 'p12-secret' })).not.toThrow()
    expect(pfx.toString('latin1')).not.toBe(before[1])
  })

  it('asks for the password of the authority, and goes on to the next when one fails', async () => {
    const { certs, cert, path } = certsFolder()
    const PW = { PW: 'secret' }
    await certs('gateway --ca-password-env PW', PW)
    await certs('client broken --ca-password-env PW', PW)
    expect((await certs('renew gateway')).code).toBe(77)
    writeFileSync(path('certs/mcp/clients/broken/client.crt'), 'nonsense')
    const old = cert(GATEWAY).serialNumber
    const { code, stderr } = await certs('renew client/broken gateway --ca-password-env PW', PW)
    expect(code).toBe(78)
    expect(stderr).toMatch(/client\.crt: expected a certificate in PEM, got something else/)
    expect(cert(GATEWAY).serialNumber).not.toBe(old)
  })

  it('refuses to go on with a key that was compromised', async () => {
    const { certs } = certsFolder()
    await certs('gateway')
    await certs(`revoke ${GATEWAY} --reason keyCompromise`)
    const { code, stderr } = await certs('renew gateway --keep-key')
    expect(code).toBe(2)
    expect(stderr).toMatch(/got one that was revoked for keyCompromise; renew without --keep-key/)
    const renewed = await certs('renew gateway')
    expect([renewed.code, renewed.stdout.includes('Replaced:')]).toEqual([0, false])
  })

  it.each([
    ['', /expected names of certificates or --within, got neither/],
    ['gateway --within 3d', /got both; write sallyport certs renew gateway/],
    ['plugin/none', /expected a certificate of this tree, got "plugin\/none"/],
    ['--within soon', /'soon' is invalid\. Expected a duration like 30d or 12h/],
  ])('refuses the line: renew %s', async (line, reason) => {
    const { certs } = certsFolder()
    await certs('gateway')
    const { code, stderr } = await certs(`renew ${line}`)
    expect(code).toBe(2)
    expect(stderr).toMatch(reason)
  })
})
