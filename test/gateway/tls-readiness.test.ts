// What /readyz and /metrics say about certificates of a running gateway: on a listener what a monitor needs, on the admin
// listener what whoever mends it needs.
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

interface Ready {
  readonly status: string
  readonly warnings?: readonly Record<string, unknown>[]
}

async function startTlsServer({ cert, key }: TestLeaf): Promise<string> {
  const server = createServer({ cert, key }, (request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}/mcp`
}

async function startWith(leaf: TestLeaf, ca: string) {
  const folder = temporaryFolder()
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  copyFileSync(leaf.certFile, certFile)
  copyFileSync(leaf.keyFile, keyFile)
  const gateway = await startGatewayProcess({
    listeners: [{ listen: '127.0.0.1:0', tls: { cert_file: certFile, key_file: keyFile } }],
    servers: { one: { endpoints: [{ url: 'http://127.0.0.1:1/mcp' }] } },
    routes: [{ path: '/mcp', servers: ['one'] }],
  })
  return { gateway, folder, certFile, keyFile, ca }
}

/** As a load balancer asks: by address, without a name of the gateway. */
async function readyAtListener({ url }: GatewayProcess, ca: string) {
  const port = Number(new URL(url).port)
  const tls = { ca, servername: 'localhost' }
  const answer = await rawHttp({ port, tls }, 'GET /readyz HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n')
  return { status: answer?.status, ready: JSON.parse(answer?.body ?? '') as Ready }
}

async function readyAtAdmin({ adminUrl }: GatewayProcess) {
  const response = await fetch(`${adminUrl}/readyz`)
  return { status: response.status, ready: (await response.json()) as Ready }
}

describe('/readyz', () => {
  it('names a source that cannot be reloaded until it is mended, and stays 200', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ toDay: 50 })
    const { gateway, certFile, keyFile, ca } = await startWith(leaf, authority.cert)
    expect(await readyAtAdmin(gateway)).toEqual({ status: 200, ready: { status: 'ready' } })

    const before = Date.now()
    writeFileSync(keyFile, 'not a key')
    await until(async () => (await readyAtAdmin(gateway)).ready.warnings !== undefined, 'a warning')
    const admin = await readyAtAdmin(gateway)
    expect(admin).toEqual({
      status: 200,
      ready: {
        status: 'ready',
        warnings: [
          {
            code: 'tls_reload_failed',
            source: 'listener 127.0.0.1:0',
            since: expect.any(String) as string,
            problem: expect.stringContaining(keyFile) as string,
          },
        ],
      },
    })
    const { since, problem } = admin.ready.warnings?.[0] ?? {}
    expect(Date.parse(String(since))).toBeGreaterThanOrEqual(before)
    expect(Date.parse(String(since))).toBeLessThanOrEqual(Date.now())
    const failed = `sallyport_tls_last_reload_successful{source="listener 127.0.0.1:0"}`
    expect(await gateway.metric(failed)).toBe(0)

    // The listener still serves with what it had, and tells no folder.
    const { status, ready } = await readyAtListener(gateway, ca)
    expect(status).toBe(200)
    const shown = String(problem).replaceAll(`${dirname(keyFile)}/`, '')
    expect(ready.warnings).toEqual([
      { code: 'tls_reload_failed', source: 'listener 127.0.0.1:0', since, problem: shown },
    ])
    expect(shown).toMatch(/^tls\.key: expected /)
    expect(JSON.stringify(ready)).not.toContain('/')

    const next = authority.issue({ toDay: 50 })
    copyFileSync(next.keyFile, keyFile)
    copyFileSync(next.certFile, `${certFile}.new`)
    renameSync(`${certFile}.new`, certFile)
    await until(async () => (await readyAtAdmin(gateway)).ready.warnings === undefined, 'the mend')
    expect(await gateway.metric(failed)).toBe(1)
  })

  it('names what ends within 30 days, with the day', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ commonName: 'soon.example', fromDay: -80, toDay: 6 })
    const { gateway, certFile, ca } = await startWith(leaf, authority.cert)
    const validTo = Date.parse(new X509Certificate(readFileSync(certFile)).validTo)
    const notAfter = new Date(validTo).toISOString()
    const warning = { code: 'certificate_expiry', role: 'server', notAfter, daysLeft: 6 }
    const { ready } = await readyAtAdmin(gateway)
    expect(ready.warnings).toEqual([
      { ...warning, where: certFile, subject: expect.stringContaining('soon.example') as string },
    ])
    expect((await readyAtListener(gateway, ca)).ready.warnings).toEqual([warning])
    const sample = `sallyport_certificate_expiry_timestamp_seconds{role="server",where="${certFile}"}`
    expect(await gateway.metric(sample)).toBe(validTo / 1_000)
  })

  it('names what endpoints show, and servers that are not verified', async () => {
    const authority = testAuthority()
    const url = await startTlsServer(authority.issue({ commonName: 'w1', fromDay: -80, toDay: 6 }))
    const gateway = await startGatewayProcess({
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: {
        good: { endpoints: [{ url }], tls: { ca_cert: authority.certFile } },
        loose: { endpoints: [{ url }], tls: { insecure_skip_verify: true } },
      },
      routes: [
        { path: '/good', servers: ['good'] },
        { path: '/loose', servers: ['loose'] },
      ],
    })
    const shown = async () => {
      const { warnings = [] } = (await readyAtAdmin(gateway)).ready
      return warnings.filter(({ code }) => code === 'certificate_expiry')
    }
    // The first look at the endpoint is a handshake.
    await until(async () => (await shown()).length > 0, 'the certificate of the endpoint')
    const { host } = new URL(url)
    expect(await shown()).toEqual([
      expect.objectContaining({ role: 'upstream', where: host, daysLeft: 6 }),
    ])
    const sample = `sallyport_certificate_expiry_timestamp_seconds{role="upstream",where="${host}"}`
    expect(await gateway.metric(sample)).toBeGreaterThan(Date.now() / 1_000)

    const isUnsafe = ({ code }: Record<string, unknown>): boolean => code === 'unsafe_option'
    const option = 'insecure_skip_verify'
    expect((await readyAtAdmin(gateway)).ready.warnings?.filter(isUnsafe)).toEqual([
      {
        code: 'unsafe_option',
        option,
        source: 'server loose',
        problem: expect.stringContaining(`${option}: `) as string,
      },
    ])
    const atListener = (await (await fetch(`${gateway.url}/readyz`)).json()) as Ready
    expect(atListener.warnings?.filter(isUnsafe)).toEqual([
      { code: 'unsafe_option', option, count: 1 },
    ])
    expect(JSON.stringify(atListener)).not.toMatch(/loose|localhost/)
  })
})
