// TLS to plugins over the life of a gateway: what is said at its start, what is shown, and new certificates while calls go on.
import { copyFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startPluginServer } from '../fixtures/plugin-server/server.ts'
import { folderWith, runCli } from '../cli/run-cli.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { deadPort, startRpcServer, until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CALL = modernRequest('tools/call', { name: 'echo', arguments: {} })

async function documentWith(mcp: object, more: object = {}) {
  const server = await startRpcServer(({ response, id }) => {
    const result = { resultType: 'complete', content: [] }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  return {
    listeners: [{ listen: '127.0.0.1:0' }],
    servers: { one: { endpoints: [{ url: server.url }], protocol: 'modern' } },
    plugins: [{ name: 'Redact', kind: 'external', hooks: ['tool_pre_invoke'], mcp }],
    routes: [{ path: '/mcp', servers: ['one'] }],
    ...more,
  }
}

function put(folder: string, { certFile, keyFile }: TestLeaf) {
  // The key first: a certificate whose key is not there yet would be refused, which is told in the log.
  for (const [from, name] of [
    [keyFile, 'client.key'],
    [certFile, 'client.crt'],
  ] as const) {
    copyFileSync(from, join(folder, `${name}.new`))
    renameSync(join(folder, `${name}.new`), join(folder, name))
  }
}

describe('a new client certificate for a plugin', () => {
  it.each([false, true])('loses no call, HTTP/2 %s', async (http2) => {
    const [authority, folder] = [testAuthority(), temporaryFolder()]
    const leaves = [1, 2, 3].map((count) =>
      authority.issue({ commonName: `gateway ${count}`, purpose: 'clientAuth' }),
    )
    put(folder, leaves[0] as TestLeaf)
    const { cert, key } = authority.issue()
    const tls = { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }
    const plugins = await startPluginServer({ tls, http2 })
    const document = await documentWith({
      url: plugins.url,
      http2,
      tls: {
        certfile: join(folder, 'client.crt'),
        keyfile: join(folder, 'client.key'),
        ca_bundle: authority.certFile,
      },
    })
    const gateway = await startGatewayProcess(document)
    const statuses = new Map<number, number>()
    const over = new AbortController()
    const callers = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const response = await fetch(`${gateway.url}/mcp`, CALL)
        await response.arrayBuffer()
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
      }
    })
    const calls = (): number => statuses.get(200) ?? 0
    for (const [count, leaf] of leaves.entries()) {
      if (count > 0) put(folder, leaf)
      const name = `gateway ${count + 1}`
      await until(() => plugins.requests.at(-1)?.client === name, `a call of ${name}`)
      const before = calls()
      await until(() => calls() > before + 20, 'more calls')
    }
    over.abort()
    await Promise.all(callers)
    expect([...statuses.keys()]).toEqual([200])
    const reloads = 'sallyport_tls_reloads_total{source="plugin Redact",result="changed"}'
    expect(await gateway.metric(reloads)).toBeGreaterThanOrEqual(2)
  })
})

describe('a plugin that is not verified', () => {
  it('is said at the start, shown in /readyz and written into the audit', async () => {
    const folder = temporaryFolder()
    const { cert, key } = testAuthority('Unknown').issue()
    const plugins = await startPluginServer({ tls: { cert, key } })
    const mcp = { url: plugins.url, tls: { verify: false } }
    const audit = { file: join(folder, 'audit.jsonl') }
    const gateway = await startGatewayProcess(await documentWith(mcp, { audit }))
    expect((await fetch(`${gateway.url}/mcp`, CALL)).status).toBe(200)
    expect(plugins.asked).toHaveLength(1)
    const problem = expect.stringMatching(/^insecure_skip_verify: /) as string
    const source = 'plugin Redact'
    const option = 'insecure_skip_verify'
    const line = /"level":"warn"[^\n]*"server":"plugin Redact"[^\n]*insecure_skip_verify/
    await until(() => line.test(gateway.log()), 'the warning in the log')
    const ready = await (await fetch(`${gateway.adminUrl}/readyz`)).json()
    expect(ready).toMatchObject({ warnings: [{ code: 'unsafe_option', option, source, problem }] })
    const events = readFileSync(audit.file, 'utf8')
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
    expect(events).toEqual([
      expect.objectContaining({ event: 'gateway_started', unsafe: [{ source, option, problem }] }),
      expect.objectContaining({ event: option, server: source, problem }),
    ])
  })
})

describe('certificates on the way to a plugin', () => {
  it('are shown in /readyz and in the metrics when they end soon', async () => {
    const authority = testAuthority()
    const soon = { fromDay: -80, toDay: 6 }
    const { cert, key } = authority.issue({ commonName: 'plugin', ...soon })
    const client = authority.issue({ commonName: 'gateway', purpose: 'clientAuth', ...soon })
    const plugins = await startPluginServer({ tls: { cert, key } })
    const tls = {
      cert_file: client.certFile,
      key_file: client.keyFile,
      ca_cert: authority.certFile,
    }
    const gateway = await startGatewayProcess(await documentWith({ url: plugins.url, tls }))
    interface Ready {
      readonly warnings?: readonly { readonly role?: string; readonly where?: string }[]
    }
    const warnings = async () =>
      ((await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as Ready).warnings ?? []
    await until(async () => (await warnings()).length > 1, 'both')
    expect((await warnings()).map(({ role, where }) => [role, where])).toEqual(
      expect.arrayContaining([
        ['client', client.certFile],
        ['upstream', new URL(plugins.url).host],
      ]),
    )
    const sample = `sallyport_certificate_expiry_timestamp_seconds{role="client",where="${client.certFile}"}`
    expect(await gateway.metric(sample)).toBeGreaterThan(Date.now() / 1_000)
  })
})

describe('sallyport', () => {
  const text = (url: string, tls = '') => `listeners: [{listen: "127.0.0.1:0"}]
servers: {one: {endpoints: [{url: "http://127.0.0.1:1/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
plugins: [{name: Redact, kind: external, hooks: [tool_pre_invoke], mcp: {url: "${url}"${tls}}}]
`
  it('serve does not start with files for a plugin that are not there', async () => {
    const config = text('https://127.0.0.1:1/', ', tls: {certfile: a.crt, keyfile: a.key}')
    const cwd = folderWith({ 'sallyport.yaml': config })
    const { code, stderr } = await runCli(['serve'], { cwd })
    expect(code).toBe(78)
    expect(stderr).toContain(
      'plugins[0].mcp.tls.certfile: expected a PEM file with a certificate, got no file at',
    )
    expect(stderr).toContain('plugins[0].mcp.tls.keyfile: expected')
  })

  it('check --connect looks at plugins', async () => {
    const plugins = await startPluginServer()
    const port = await deadPort()
    const two = text(plugins.url).replace(
      'plugins: [',
      `plugins: [{name: Gone, kind: external, hooks: [tool_pre_invoke], mcp: {url: "http://127.0.0.1:${port}/mcp"}}, `,
    )
    const cwd = folderWith({ 'sallyport.yaml': two })
    const { stdout, stderr } = await runCli(['check', '--connect'], { cwd })
    expect(stdout).toContain(`plugins.Redact: ${plugins.url}: reachable`)
    expect(stderr).toContain(`plugins.Gone: http://127.0.0.1:${port}/mcp: `)
  })

  it('certs check looks at the certificates for plugins', async () => {
    const { certFile, keyFile } = testAuthority().issue({ fromDay: -80, toDay: 6 })
    const tls = `, tls: {certfile: "${certFile}", keyfile: "${keyFile}"}`
    const cwd = folderWith({ 'sallyport.yaml': text('https://127.0.0.1:1/', tls) })
    const { code, stdout } = await runCli(['certs', 'check', '-c', 'sallyport.yaml'], { cwd })
    expect(code).toBe(1)
    expect(stdout).toMatch(/plugins\[0\]\.mcp\.tls\.certfile/)
  })
})
