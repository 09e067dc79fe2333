import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { issueLeaf, makeAuthority } from '../../src/certs/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { certsFolder, DAY_MS } from './certs-run.ts'

interface Report {
  readonly ok: boolean
  readonly thresholdDays: number
  readonly certificates: readonly {
    readonly name: string
    readonly file: string
    readonly standing: string
    readonly daysLeft?: number
    readonly notAfter?: string
    readonly reason?: string
  }[]
}

const report = ({ stdout }: { readonly stdout: string }): Report => JSON.parse(stdout) as Report

describe('certs check', () => {
  it('prints a table of all that there is, and ends well when all is well', async () => {
    const { certs, cert } = certsFolder()
    await certs('all')
    await certs('server front')
    await certs('crl --crl-days 40')
    const { code, stdout, stderr } = await certs('check')
    expect([code, stderr]).toEqual([0, ''])
    const [title, empty, head, ...rows] = stdout.trimEnd().split('\n')
    expect([title, empty]).toEqual(['Checking MCP certificate expiry dates...', ''])
    expect(head).toMatch(/^Certificate +Expires +Left +State +File$/)
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([
      'CA Certificate',
      'Revocation List',
      'Gateway Client Certificate',
      'Plugin example-plugin-a',
      'Plugin example-plugin-b',
      'Server front',
    ])
    const { validTo } = cert('certs/mcp/gateway/client.crt')
    expect(rows[2]).toMatch(
      new RegExp(
        `^Gateway Client Certificate  ${validTo}  824 d  ok     certs/mcp/gateway/client.crt$`,
      ),
    )
  })

  it('exits 1 when one ends within 30 days, or within what --within says', async () => {
    const { certs } = certsFolder()
    await certs('ca')
    await certs('server long --days 45')
    expect((await certs('check')).code).toBe(0)
    expect((await certs('check --within 46d')).code).toBe(1)
    await certs('server short --days 29')
    const { code, stdout } = await certs('check')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^Server short .* 28 d +expires soon /m)
    expect(stdout).toMatch(/^Server long .* 44 d +ok /m)
    expect((await certs('check --within 28d')).code).toBe(0)
  })

  it('prints JSON for programs', async () => {
    const { certs, cert } = certsFolder()
    await certs('gateway --days 10')
    const ended = await certs('check --json --within 12h')
    expect(ended.code).toBe(0)
    const found = report(ended)
    expect(found).toMatchObject({ ok: true, thresholdDays: 0.5 })
    const gateway = cert('certs/mcp/gateway/client.crt')
    expect(found.certificates[1]).toMatchObject({
      name: 'Gateway Client Certificate',
      file: 'certs/mcp/gateway/client.crt',
      standing: 'ok',
      subject: 'CN=mcp-gateway',
      serial: gateway.serialNumber,
      daysLeft: 9,
      notAfter: new Date(gateway.validTo).toISOString(),
    })
    expect(report(await certs('check --json')).ok).toBe(false)
  })

  it('tells what is over, not yet valid, revoked, broken or missing', async () => {
    const { certs, path } = certsFolder()
    await certs('all')
    await certs('revoke certs/mcp/gateway/client.crt')
    const past = manualClock(Date.now() - 30 * DAY_MS)
    const future = manualClock(Date.now() + 30 * DAY_MS)
    for (const [name, clock] of [
      ['a', past],
      ['b', future],
    ] as const) {
      const authority = await makeAuthority({ commonName: 'x', validForMs: 90 * DAY_MS, clock })
      const names = [{ kind: 'dns', value: 'x' }] as const
      const pair = await issueLeaf({
        authority,
        purpose: 'server',
        commonName: 'x',
        names,
        validForMs: DAY_MS,
        clock,
      })
      writeFileSync(path(`certs/mcp/plugins/example-plugin-${name}/server.crt`), pair.certPem)
    }
    await certs('client broken')
    writeFileSync(path('certs/mcp/clients/broken/client.crt'), 'nonsense')
    await certs('client gone')
    rmSync(path('certs/mcp/clients/gone/client.crt'))
    const { code, stdout } = await certs('check')
    expect(code).toBe(1)
    const state = (label: string) =>
      new RegExp(`^${label} {2,}(?:\\S.*?|-) {2,}(?:-?\\d+ d|-) +(.*?) {2,}`, 'm').exec(stdout)?.[1]
    expect(state('Gateway Client Certificate')).toBe('revoked')
    expect(state('Plugin example-plugin-a')).toBe('expired')
    expect(state('Plugin example-plugin-b')).toBe('not yet valid')
    expect(state('Client broken')).toBe('unreadable')
    expect(stdout).toMatch(/^Client broken: expected a certificate, .*got something else/m)
    expect(stdout).toMatch(/^Client gone: no such file$/m)
  })

  it('says where to begin when there is no tree', async () => {
    const { code, stderr } = await certsFolder().certs('check --dir nowhere')
    expect(code).toBe(78)
    expect(stderr).toBe(
      'sallyport: nowhere/ca/ca.crt: expected an authority, got no such file; make certificates with: sallyport certs all, or name their tree with --dir\n',
    )
  })
})

describe('certs check -c', () => {
  const CONFIG = `
listeners: [{listen: "127.0.0.1:0", tls: {cert_file: own/front.crt, key_file: own/front.key, crl_file: certs/mcp/ca/ca.crl}}]
servers:
  one:
    endpoints: [{url: "https://localhost:1/mcp"}]
    tls: {ca_cert: own/chain.pem, pfx_file: certs/mcp/gateway/client.p12, password: secret}
routes: [{path: /mcp, servers: [one]}]
`

  it('looks at every certificate that the configuration uses, expired ones too', async () => {
    const { certs, path, read } = certsFolder()
    writeFileSync(path('own.yaml'), CONFIG)
    await certs('gateway --p12-password-env PW', { PW: 'secret' })
    await certs('crl')
    await certs('all -c own.yaml --days 20')
    writeFileSync(path('own/chain.pem'), read('own/front.crt') + read('certs/mcp/ca/ca.crt'))
    const { code, stdout } = await certs('check -c own.yaml --json --within 25d')
    expect(code).toBe(1)
    const found = report({ stdout }).certificates
    const names = found.map(({ name, standing }) => `${name}: ${standing}`)
    expect(names).toEqual([
      'CA Certificate: ok',
      'Revocation List: ok',
      'Gateway Client Certificate: ok',
      // Made by `certs all`, so it is known to the authority, wherever it is.
      'listeners[0].tls: expires soon',
      'servers.one.tls.pfx_file: ok',
      'servers.one.tls.pfx_file, chain 1: ok',
      'servers.one.tls.ca_cert: expires soon',
      'servers.one.tls.ca_cert, chain 1: ok',
    ])
  })

  it('needs no tree, and tells files that are missing or under another password', async () => {
    const { certs, path } = certsFolder()
    writeFileSync(path('own.yaml'), CONFIG.replace('password: secret', 'password: wrong'))
    await certs('gateway --dir other --p12-password-env PW', { PW: 'secret' })
    mkdirSync(path('own'))
    writeFileSync(path('own/chain.pem'), readFileSync(path('other/ca/ca.crt')))
    const { code, stdout } = await certs('check -c own.yaml')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^listeners\[0\]\.tls\.cert_file: no such file$/m)
    expect(stdout).toMatch(/^servers\.one\.tls\.ca_cert .* ok /m)
    writeFileSync(
      path('own.yaml'),
      CONFIG.replace('certs/mcp/gateway/client.p12', 'other/gateway/client.p12').replace(
        'password: secret',
        'password: wrong',
      ),
    )
    const wrong = await certs('check -c own.yaml')
    expect(wrong.stdout).toMatch(
      /^servers\.one\.tls\.pfx_file: expected the password of this PKCS#12 file, got another one/m,
    )
  })

  it('tells the faults of the file', async () => {
    const { code, stderr } = await certsFolder().certs('check -c none.yaml')
    expect(code).toBe(78)
    expect(stderr).toMatch(/^none\.yaml: expected a configuration file, got no file at/)
  })
})
