// Both sides of mutual TLS with a plugin, started as the examples stand and with the certificates that the program makes: a
// gateway that asks the plugin about calls, and one before the plugin that lets nobody else through.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { startPluginServer } from '../fixtures/plugin-server/server.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { hasTool, run } from '../support/programs.ts'
import { folderWith, runCli, startCli } from './run-cli.ts'
import { call, serveExample } from './run-example.ts'

const PLUGIN = 'ReplaceBadWordsPlugin'
const PLUGINS = `plugins:
  - name: "${PLUGIN}"
    kind: "external"
    mcp: {proto: STREAMABLEHTTP, url: "https://127.0.0.1:8000/mcp"}
`

/** A folder with the tree of `certs all`. */
async function makeCertificates(): Promise<string> {
  const folder = folderWith({ 'plugins.yaml': PLUGINS })
  const env = { MCP_PLUGIN_CONFIG: 'plugins.yaml' }
  const { code, stderr } = await runCli(['certs', 'all'], { cwd: folder, env })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const paths = [
    `plugins/${PLUGIN}/server.crt`,
    `plugins/${PLUGIN}/server.key`,
    `plugins/${PLUGIN}/ca.crt`,
    'gateway/client.crt',
    'gateway/client.key',
    'gateway/ca.crt',
  ]
  for (const path of paths) expect(readFileSync(join(folder, 'certs/mcp', path))).toBeTruthy()
  return folder
}

/** The plugin behind the gateway that lets nobody but its user through. */
async function servePlugin(folder: string, onConfig?: (name: string) => object) {
  const plugin = await startPluginServer({
    ...(onConfig !== undefined && { onConfig }),
    onHook: ({ hook, payload }) => {
      if (hook !== 'tool_pre_invoke') return {}
      const { name, args } = payload as { name: string; args: { text: string } }
      const text = args.text.replaceAll('crap', 'crud')
      return { modified_payload: { name, args: { text } } }
    },
  })
  const served = await serveExample('tls/plugin-server.yaml', {
    env: { PLUGIN_URL: plugin.url },
    folder,
  })
  return { ...served, plugin, port: new URL(served.url).port }
}

const KEY = 'SALLYPORT__PLUGINS__0__MCP__'

/** The gateway that asks the plugin about calls of a server that echoes. */
async function servePluginsUser(
  folder: string,
  port: string,
  { host = '127.0.0.1', env = {} }: { host?: string; env?: Readonly<Record<string, string>> } = {},
) {
  const server = await startEverythingServer()
  onTestFinished(() => server.close())
  const url = `https://${host}:${port}/mcp`
  return serveExample('tls/plugin.yaml', {
    env: { SERVER_URL: server.url, [`${KEY}URL`]: url, ...env },
    folder,
  })
}

const ECHO = modernRequest('tools/call', { name: 'echo', arguments: { text: 'oh crap' } })

/** What becomes of a call. */
async function echoed(url: string): Promise<unknown> {
  const { status, body } = await call(`${url}/mcp`, {}, ECHO)
  const text = /^data: (\{.*\})$/m.exec(body)?.[1] ?? body
  const { result, error } = JSON.parse(text) as {
    readonly result?: { readonly content: readonly { readonly text: string }[] }
    readonly error?: { readonly data: { readonly code: string } }
  }
  return status === 200 ? result?.content[0]?.text : [status, error?.data.code]
}

describe('plugin.yaml and plugin-server.yaml', () => {
  it('let the plugin change a call', async () => {
    const folder = await makeCertificates()
    const { port, plugin } = await servePlugin(folder)
    const { url, line } = await servePluginsUser(folder, port)
    expect(await echoed(url)).toBe('oh crud')
    expect(plugin.asked.map(({ hook }) => hook)).toEqual(['tool_pre_invoke', 'tool_post_invoke'])
    expect(new Set(plugin.asked.map((asked) => asked.plugin))).toEqual(new Set([PLUGIN]))
    await line(/"level":"warn".*check_hostname is false/)
  })

  it('refuse an address that the certificate does not have, when names are checked', async () => {
    const folder = await makeCertificates()
    const { port, plugin } = await servePlugin(folder)
    const env = { [`${KEY}TLS__CHECK_HOSTNAME`]: 'true' }
    const { url, line } = await servePluginsUser(folder, port, { env })
    expect(await echoed(url)).toEqual([502, 'GW_PLUGIN_FAILED'])
    await line(
      /TLS handshake failed: the endpoint’s certificate is not for 127\.0\.0\.1: it is for ReplaceBadWordsPlugin, mcp-plugin-ReplaceBadWordsPlugin, localhost; correct the URL/,
    )
    expect(plugin.asked).toEqual([])
    const byName = await servePluginsUser(folder, port, { host: 'localhost', env })
    expect(await echoed(byName.url)).toBe('oh crud')
  })

  it('refuse calls when the gateway does not show who it is', async () => {
    const folder = await makeCertificates()
    const { port, plugin } = await servePlugin(folder)
    const tls = '{ca_bundle: certs/mcp/gateway/ca.crt, check_hostname: false}'
    const { url, line } = await servePluginsUser(folder, port, { env: { [`${KEY}TLS`]: tls } })
    expect(await echoed(url)).toEqual([502, 'GW_PLUGIN_FAILED'])
    await line(/wants a client certificate, and the gateway has none/)
    expect(plugin.asked).toEqual([])
  })

  it('take what they need from the environment alone', async () => {
    const folder = await makeCertificates()
    const [server, client] = [`certs/mcp/plugins/${PLUGIN}`, 'certs/mcp/gateway']
    const serve = async (text: string, env: Readonly<Record<string, string>>): Promise<string> => {
      const rest = 'listeners: [{listen: "127.0.0.1:0"}]\nroutes: [{path: /mcp, servers: [one]}]\n'
      writeFileSync(join(folder, 'sallyport.yaml'), `${rest}state_dir: state\n${text}\n`)
      const [, address = ''] = await startCli(['serve'], { cwd: folder, env }).line(
        /^listening on (\S+)$/m,
      )
      return address
    }
    const one = (url: string): string => `servers: {one: {endpoints: [{url: "${url}"}]}}`
    const plugin = await startPluginServer({
      onHook: () => ({ continue_processing: false, violation: { reason: 'no' } }),
    })
    const inFront = await serve(one(plugin.url), {
      SALLYPORT__LISTENERS__0__TLS__CERT_FILE: `${server}/server.crt`,
      SALLYPORT__LISTENERS__0__TLS__KEY_FILE: `${server}/server.key`,
      SALLYPORT__LISTENERS__0__TLS__CLIENT_CA_FILE: `${server}/ca.crt`,
      SALLYPORT__LISTENERS__0__TLS__CLIENT_AUTH: '2',
    })
    const entry = `{name: ${PLUGIN}, kind: external, hooks: [tool_pre_invoke], mcp: {url: "${inFront}/mcp"}}`
    const user = await serve(`${one(plugin.url)}\nplugins: [${entry}]`, {
      PLUGINS_CLIENT_MTLS_CERTFILE: `${client}/client.crt`,
      PLUGINS_CLIENT_MTLS_KEYFILE: `${client}/client.key`,
      PLUGINS_CLIENT_MTLS_CA_BUNDLE: `${client}/ca.crt`,
      PLUGINS_CLIENT_MTLS_VERIFY: 'true',
      PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: 'false',
    })
    expect(await echoed(user)).toEqual([403, 'GW_PLUGIN_DENIED'])
  })
})

/** As the guide of another gateway has it for a plugin behind mutual TLS, to the letter. */
const FOREIGN = `plugins:
  - name: "ReplaceBadWordsPlugin"
    kind: "external"
    mcp:
      proto: STREAMABLEHTTP
      url: https://127.0.0.1:8000/mcp
      tls:
        certfile: certs/mcp/gateway/client.crt
        keyfile: certs/mcp/gateway/client.key
        ca_bundle: certs/mcp/gateway/ca.crt
        verify: true
        check_hostname: false
`

describe('the plugins of another gateway', () => {
  it('are taken as they stand, without hooks, over mutual TLS', async () => {
    const folder = await makeCertificates()
    const server = await startEverythingServer()
    onTestFinished(() => server.close())
    const rest = `listeners: [{listen: "127.0.0.1:0"}]
servers: {one: {endpoints: [{url: "${server.url}"}]}}
routes: [{path: /mcp, servers: [one]}]
state_dir: state
`
    const onConfig = (name: string) => {
      const its = { mode: 'enforce', priority: 150, conditions: [], tags: ['plugin'] }
      return { name, kind: 'filters.Words', hooks: ['tool_pre_invoke', 'tool_post_invoke'], ...its }
    }
    const { port, plugin } = await servePlugin(folder, onConfig)
    writeFileSync(join(folder, 'sallyport.yaml'), rest + FOREIGN)
    const check = await runCli(['check'], { cwd: folder })
    expect(check).toMatchObject({ code: 0 })
    // But for the port: that of the test's plugin is any free one.
    const env = { [`${KEY}URL`]: `https://127.0.0.1:${port}/mcp` }
    const serve = startCli(['serve'], { cwd: folder, env })
    const [, url = ''] = await serve.line(/^listening on (\S+)$/m)
    expect(await echoed(url)).toBe('oh crud')
    expect(plugin.configsAsked).toEqual([PLUGIN])
    expect(plugin.asked.map(({ hook }) => hook)).toEqual(['tool_pre_invoke', 'tool_post_invoke'])
  })
})

describe.skipIf(!hasTool('curl') || !hasTool('openssl'))('plugin-server.yaml', () => {
  it('lets the certificate of the gateway through, and nobody else', async () => {
    const folder = await makeCertificates()
    const { port, adminUrl, line } = await servePlugin(folder)
    const sh = (text: string) => run('bash', ['-uc', `cd "$1"\n${text}`, 'bash', folder])
    const url = `https://localhost:${port}/health`
    const gateway = 'certs/mcp/gateway'
    const right = await sh(
      `cat ${gateway}/client.crt ${gateway}/client.key > client.pem
       curl -sS --cert client.pem --cacert ${gateway}/ca.crt ${url}`,
    )
    expect(right).toMatchObject({ exitCode: 0, output: expect.stringContaining('"status":') })
    const without = await sh(`curl -sS --cacert ${gateway}/ca.crt ${url}`)
    expect(without.exitCode).not.toBe(0)
    await line(/TLS handshake failed: the client has no certificate, and client_auth wants one/)
    const old = await sh(`openssl s_client -connect localhost:${port} -tls1_1 </dev/null`)
    expect(old.exitCode).not.toBe(0)
    await line(/TLS handshake failed: no version of TLS in common/)
    // Its health, without any certificate.
    expect((await sh(`curl -sSf ${adminUrl}/health`)).exitCode).toBe(0)
  })
})
