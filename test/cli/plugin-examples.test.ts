// Both sides of mutual TLS with a plugin, started as the examples stand and with the certificates that the program makes: a
// gateway that calls the plugin, and one before the plugin that lets nobody else through.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasTool, run } from '../support/programs.ts'
import { startHttpServer } from '../support/servers.ts'
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

async function servePlugin(folder: string) {
  const plugin = await startHttpServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
    })
  })
  const served = await serveExample('tls/plugin-server.yaml', {
    env: { PLUGIN_URL: plugin.url },
    folder,
  })
  return { ...served, port: new URL(served.url).port }
}

/** The gateway that uses the plugin, by name at its first endpoint and by address at its second. */
function servePluginsUser(
  folder: string,
  port: string,
  env: Readonly<Record<string, string>> = {},
) {
  const key = (endpoint: number): string =>
    `SALLYPORT__SERVERS__REPLACE_BAD_WORDS__ENDPOINTS__${endpoint}__URL`
  return serveExample('tls/plugin.yaml', {
    env: {
      [key(0)]: `https://localhost:${port}/mcp`,
      [key(1)]: `https://127.0.0.1:${port}/mcp`,
      ...env,
    },
    folder,
  })
}

describe('plugin.yaml and plugin-server.yaml', () => {
  it('carry calls from the one to the other', async () => {
    const folder = await makeCertificates()
    const { port } = await servePlugin(folder)
    const { url, line } = await servePluginsUser(folder, port)
    for (let count = 0; count < 2; count++) expect((await call(`${url}/mcp`)).status).toBe(200)
    await line(/"level":"warn".*check_hostname is false/)
  })

  it('refuse an address that the certificate does not have, when names are checked', async () => {
    const folder = await makeCertificates()
    const { port } = await servePlugin(folder)
    const checked = 'SALLYPORT__SERVERS__REPLACE_BAD_WORDS__ENDPOINTS__1__TLS__CHECK_HOSTNAME'
    const { url, line } = await servePluginsUser(folder, port, { [checked]: 'true' })
    await line(
      /TLS handshake failed: the endpoint’s certificate is not for 127\.0\.0\.1: it is for ReplaceBadWordsPlugin, mcp-plugin-ReplaceBadWordsPlugin, localhost; correct the URL/,
    )
    // The other endpoint has a name that it is for.
    expect((await call(`${url}/mcp`)).status).toBe(200)
  })

  it('take what they need from the environment alone', async () => {
    const folder = await makeCertificates()
    const [server, client] = [`certs/mcp/plugins/${PLUGIN}`, 'certs/mcp/gateway']
    const text = (url: string): string =>
      `listeners: [{listen: "127.0.0.1:0"}]\nservers: {plugin: {endpoints: [{url: "${url}"}]}}\nroutes: [{path: /mcp, servers: [plugin]}]\nstate_dir: state\n`
    const serve = async (url: string, env: Readonly<Record<string, string>>): Promise<string> => {
      writeFileSync(join(folder, 'sallyport.yaml'), text(url))
      const [, address = ''] = await startCli(['serve'], { cwd: folder, env }).line(
        /^listening on (\S+)$/m,
      )
      return address
    }
    const plugin = await startHttpServer((request, response) => {
      request.resume().on('end', () => response.end('{}'))
    })
    const inFront = await serve(plugin.url, {
      SALLYPORT__LISTENERS__0__TLS__CERT_FILE: `${server}/server.crt`,
      SALLYPORT__LISTENERS__0__TLS__KEY_FILE: `${server}/server.key`,
      SALLYPORT__LISTENERS__0__TLS__CLIENT_CA_FILE: `${server}/ca.crt`,
      SALLYPORT__LISTENERS__0__TLS__CLIENT_AUTH: '2',
    })
    const user = await serve(`${inFront}/mcp`, {
      SALLYPORT__SERVERS__PLUGIN__TLS__CERT_FILE: `${client}/client.crt`,
      SALLYPORT__SERVERS__PLUGIN__TLS__KEY_FILE: `${client}/client.key`,
      SALLYPORT__SERVERS__PLUGIN__TLS__CA_CERT: `${client}/ca.crt`,
      SALLYPORT__SERVERS__PLUGIN__TLS__CHECK_HOSTNAME: 'false',
    })
    expect((await call(`${user}/mcp`)).status).toBe(200)
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
