// Every example of TLS towards clients, started as it stands: who gets in, who does not, and with what.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { rawHttp } from '../support/raw-http.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'
import { folderWith } from './run-cli.ts'
import { call, serveExample } from './run-example.ts'

const PASSWORD = 'a password for tests'

/** A server behind the gateway that answers every call with the headers of the call. */
async function startTeller() {
  return startHttpServer(async (request, response) => {
    const { id } = await jsonOf(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { headers: request.headers } }))
  })
}

/** Resolves with the socket after its handshake, rejects with the failure. */
function shake(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { port } = new URL(url)
  const socket = connect({
    host: '127.0.0.1',
    port: Number(port),
    servername: 'localhost',
    ...options,
  })
  onTestFinished(() => void socket.destroy())
  return new Promise((done, fail) => {
    socket.once('secureConnect', () => done(socket))
    socket.once('error', fail)
  })
}

const shown = ({ cert, key }: TestLeaf): ConnectionOptions => ({ cert, key })

describe('https.yaml', () => {
  /** As certbot lays it out: what is named are links into the archive. */
  function certbot(dir: string) {
    mkdirSync(join(dir, 'archive'), { recursive: true })
    mkdirSync(join(dir, 'live'))
    let count = 0
    return (leaf: TestLeaf): void => {
      count += 1
      for (const [name, file] of [
        ['privkey', leaf.keyFile],
        ['fullchain', leaf.chainFile],
      ] as const) {
        cpSync(file, join(dir, `archive/${name}${count}.pem`))
        symlinkSync(`../archive/${name}${count}.pem`, join(dir, `live/${name}.pem.new`))
        renameSync(join(dir, `live/${name}.pem.new`), join(dir, `live/${name}.pem`))
      }
    }
  }

  it('serves a program behind the certificate of certbot, and takes the next one', async () => {
    const authority = testAuthority()
    const dir = folderWith({})
    const renew = certbot(dir)
    renew(authority.issue({ commonName: 'first' }))
    const server = join(dir, 'mcp-server')
    const script = resolve(import.meta.dirname, '../fixtures/children/scripted-server.mjs')
    writeFileSync(server, `#!/bin/sh\nexec '${process.execPath}' '${script}' --era=modern\n`, {
      mode: 0o755,
    })
    const env = { TLS_DIR: join(dir, 'live'), MCP_SERVER: server }
    const { url } = await serveExample('tls/https.yaml', { env })
    const echo = modernRequest('test/echo', { text: 'hello' })
    const answer = await call(`${url}/mcp`, { ca: authority.cert }, echo)
    expect(JSON.parse(answer.body)).toMatchObject({ result: { params: { text: 'hello' } } })
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000')

    renew(authority.issue({ commonName: 'second' }))
    const name = async (): Promise<unknown> =>
      (await shake(url, { ca: authority.cert })).getPeerCertificate().subject.CN
    await until(async () => (await name()) === 'second', 'the renewed certificate')
  })
})

const only = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  // Without it OpenSSL offers no version below 1.2.
  ...(version < 'TLSv1.2' && { ciphers: 'ALL:@SECLEVEL=0' }),
})
const WITHOUT_COMMON_VERSION = { code: expect.stringMatching(/PROTOCOL_VERSION$/) }
const NOTHING_IN_COMMON = { code: expect.stringMatching(/HANDSHAKE_FAILURE$/) }

describe('versions-and-suites.yaml', () => {
  it('agrees on what it lists, and on nothing else', { timeout: 30_000 }, async () => {
    const authority = testAuthority()
    const [ec, rsa] = [authority.issue({ key: 'ec' }), authority.issue({ key: 'rsa' })]
    const teller = await startTeller()
    const { url } = await serveExample('tls/versions-and-suites.yaml', {
      env: { WEATHER_URL: teller.url },
      files: {
        'certs/server-ec.crt': ec.certFile,
        'certs/server-ec.key': ec.keyFile,
        'certs/server-rsa.crt': rsa.certFile,
        'certs/server-rsa.key': rsa.keyFile,
      },
    })
    const ca = authority.cert
    const come = (options: ConnectionOptions) => shake(url, { ca, ...options })
    expect((await call(`${url}/mcp`, { ca })).status).toBe(200)
    for (const [suite, openssl] of [
      ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
      ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
      ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
      ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
      ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
      ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ] as const) {
      const socket = await come({ ...only('TLSv1.2'), ciphers: openssl })
      expect(socket.getCipher().standardName).toBe(suite)
    }
    const weak = come({ ...only('TLSv1.2'), ciphers: 'ECDHE-RSA-AES128-SHA' })
    await expect(weak).rejects.toMatchObject(NOTHING_IN_COMMON)
    for (const group of ['X25519', 'P-256', 'P-384']) {
      const socket = await come({ ...only('TLSv1.3'), ecdhCurve: group })
      expect(socket.getProtocol()).toBe('TLSv1.3')
    }
    const unlisted = come({ ...only('TLSv1.3'), ecdhCurve: 'P-521' })
    await expect(unlisted).rejects.toMatchObject(NOTHING_IN_COMMON)
    for (const version of ['TLSv1.1', 'TLSv1'] as const) {
      await expect(come(only(version))).rejects.toMatchObject(WITHOUT_COMMON_VERSION)
    }
  })
})

describe('old-clients.yaml', () => {
  it('speaks the old versions on the one listener alone, and warns', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const teller = await startTeller()
    const { urls, line } = await serveExample('tls/old-clients.yaml', {
      env: { WEATHER_URL: teller.url },
      files: { 'certs/server.crt': leaf.certFile, 'certs/server.key': leaf.keyFile },
    })
    const [modern = '', old = ''] = urls
    const ca = authority.cert
    for (const version of ['TLSv1.2', 'TLSv1.1', 'TLSv1'] as const) {
      expect((await shake(old, { ca, ...only(version) })).getProtocol()).toBe(version)
      expect((await call(`${old}/mcp`, { ca, ...only(version) })).status).toBe(200)
    }
    const newest = shake(old, { ca, ...only('TLSv1.3') })
    await expect(newest).rejects.toMatchObject(WITHOUT_COMMON_VERSION)
    const oldest = shake(modern, { ca, ...only('TLSv1.1') })
    await expect(oldest).rejects.toMatchObject(WITHOUT_COMMON_VERSION)
    expect((await shake(modern, { ca })).getProtocol()).toBe('TLSv1.3')
    await line(/"level":"warn".*TLS 1\.0 is broken and must not be used/)
  })
})

describe('mutual-tls.yaml', () => {
  async function serve(authority: TestAuthority, clients: TestAuthority, crl: string) {
    const server = authority.issue()
    const teller = await startTeller()
    return serveExample('tls/mutual-tls.yaml', {
      env: { WEATHER_URL: teller.url, SALLYPORT__LOG__ACCESS: 'true' },
      files: {
        'certs/server.crt': server.certFile,
        'certs/server.key': server.keyFile,
        'certs/client-ca.crt': clients.certFile,
        'certs/client-ca.crl': crl,
      },
    })
  }

  it('admits by listener whom client_auth says', { timeout: 30_000 }, async () => {
    const [authority, clients] = [testAuthority(), testAuthority('Clients')]
    const purpose = 'clientAuth'
    const right = clients.issue({ commonName: 'reporting', purpose })
    const revoked = clients.issue({ commonName: 'lost-laptop', purpose })
    clients.revoke(revoked)
    const { urls, line } = await serve(authority, clients, clients.crl())
    const kinds: Readonly<Record<string, ConnectionOptions>> = {
      'no certificate': {},
      right: shown(right),
      revoked: shown(revoked),
      expired: shown(clients.issue({ purpose, fromDay: -3, toDay: -1 })),
      'for servers': shown(clients.issue({ purpose: 'serverAuth' })),
      'of another authority': shown(testAuthority('Clients').issue({ purpose })),
    }
    const admitted = async (url: string): Promise<readonly string[]> => {
      const found: string[] = []
      for (const [kind, certificate] of Object.entries(kinds)) {
        const answer = call(`${url}/mcp`, { ca: authority.cert, ...certificate })
        const isIn = await answer.then(
          ({ status }) => status === 200,
          () => false,
        )
        if (isIn) found.push(kind)
      }
      return found
    }
    const [verify = '', request = '', require = ''] = urls
    const { 'no certificate': _, ...any } = kinds
    expect(await admitted(verify)).toEqual(['right'])
    expect(await admitted(request)).toEqual(Object.keys(kinds))
    expect(await admitted(require)).toEqual(Object.keys(any))

    await line(/TLS handshake failed: the client has no certificate, and client_auth wants one/)
    await line(/TLS handshake failed: the client’s certificate, or one above it, is revoked/)
    await line(/TLS handshake failed: the client’s certificate.* has expired/)
    await line(/TLS handshake failed: the client’s certificate is not for clients/)
    await line(/"msg":"exchange".*"peer":"CN=reporting"|"peer":"CN=reporting".*"msg":"exchange"/)
    await line(/"peer":"not verified: CN=lost-laptop"/)
    await line(/"level":"warn".*certificates of clients are needed but not verified/)
  })

  it('tells servers who a verified client is', async () => {
    const [authority, clients] = [testAuthority(), testAuthority('Clients')]
    const subjectAltName = 'URI:spiffe://example.com/reporting'
    const leaf = clients.issue({ commonName: 'ada', subjectAltName, purpose: 'clientAuth' })
    const { url } = await serve(authority, clients, clients.crl())
    const { body } = await call(`${url}/mcp`, { ca: authority.cert, ...shown(leaf) })
    expect(JSON.parse(body)).toMatchObject({
      result: {
        headers: {
          'x-forwarded-client-cert': expect.stringMatching(
            /^Hash=[0-9a-f]{64};Subject="CN=ada";URI=spiffe:\/\/example\.com\/reporting$/,
          ),
        },
      },
    })
  })
})

describe('several-names.yaml', () => {
  it('shows each client the certificate for its name', async () => {
    const authority = testAuthority()
    const issue = (name: string): TestLeaf =>
      authority.issue({ commonName: name, subjectAltName: `DNS:${name}` })
    const [first, wildcard, tools] = ['mcp.example.com', '*.example.net', 'tools.example.net'].map(
      issue,
    ) as [TestLeaf, TestLeaf, TestLeaf]
    const teller = await startTeller()
    const { url } = await serveExample('tls/several-names.yaml', {
      env: {
        WEATHER_URL: teller.url,
        WILDCARD_KEY_PASSWORD: PASSWORD,
        TOOLS_PFX_PASSWORD: PASSWORD,
      },
      files: {
        'certs/mcp.example.com.crt': first.certFile,
        'certs/mcp.example.com.key': first.keyFile,
        'certs/wildcard.example.net.crt': wildcard.certFile,
        'certs/wildcard.example.net.key': wildcard.encryptedKey(PASSWORD),
        'certs/tools.example.net.pfx': tools.pfx(PASSWORD),
      },
    })
    const ask = async (servername: string): Promise<unknown> => {
      const socket = await shake(url, { servername, rejectUnauthorized: false })
      return socket.getPeerCertificate().subject.CN
    }
    expect(await ask('mcp.example.com')).toBe('mcp.example.com')
    expect(await ask('Weather.Example.NET')).toBe('*.example.net')
    expect(await ask('tools.example.net')).toBe('tools.example.net')
    expect(await ask('other.example.org')).toBe('mcp.example.com')
    expect(await ask('')).toBe('mcp.example.com')
    // The name that was asked for is one the gateway answers for.
    const host = 'weather.example.net'
    const options = { ca: authority.cert, servername: host, host }
    expect((await call(`${url}/mcp`, options)).status).toBe(200)
  })
})

describe('behind-load-balancer.yaml', () => {
  it('answers by the name that clients use, without HSTS, and warns', async () => {
    const teller = await startTeller()
    const env = { WEATHER_URL: teller.url }
    const { url, line } = await serveExample('tls/behind-load-balancer.yaml', { env })
    const by = (host: string) => call(`${url}/mcp`, { host })
    const answer = await by('mcp.example.com')
    expect(answer.status).toBe(200)
    expect(answer.headers).not.toHaveProperty('strict-transport-security')
    expect((await by('other.example.com')).status).toBe(403)
    // What checks the gateway asks for it by address.
    const get = 'GET /healthz HTTP/1.1\r\nHost: 10.0.1.7:8080\r\n\r\n'
    expect((await rawHttp({ port: Number(new URL(url).port) }, get))?.status).toBe(200)
    await line(/"level":"warn".*callers from other machines are not authenticated/)
  })
})

/** What people paste: nothing but openssl, no extended key usage, and a client certificate of version 1. */
const RECIPE = `set -eu
openssl genrsa -out ca.key 2048
openssl req -new -x509 -days 365 -key ca.key -out ca.crt -subj "/CN=MCP Bridge CA"
openssl genrsa -out server.key 2048
openssl req -new -key server.key -out server.csr -subj "/CN=mcp.example.com"
openssl x509 -req -days 365 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt \\
  -extfile <(printf "subjectAltName=DNS:mcp.example.com,DNS:localhost,IP:127.0.0.1")
openssl genrsa -out client.key 2048
openssl req -new -key client.key -out client.csr -subj "/CN=mcp-client"
openssl x509 -req -days 365 -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out client.crt
`

describe('plugin-server.yaml', () => {
  it('takes certificates made by hand with openssl', async () => {
    const made = folderWith({})
    execFileSync('bash', ['-c', RECIPE], { cwd: made, stdio: 'pipe' })
    const read = (name: string): string => readFileSync(join(made, name), 'utf8')
    const teller = await startTeller()
    const certs = 'certs/mcp/plugins/ReplaceBadWordsPlugin'
    const { url, line } = await serveExample('tls/plugin-server.yaml', {
      env: { PLUGIN_URL: teller.url },
      files: {
        [`${certs}/server.crt`]: join(made, 'server.crt'),
        [`${certs}/server.key`]: join(made, 'server.key'),
        [`${certs}/ca.crt`]: join(made, 'ca.crt'),
      },
    })
    const ca = read('ca.crt')
    const client = { cert: read('client.crt'), key: read('client.key') }
    expect((await call(`${url}/mcp`, { ca, ...client })).status).toBe(200)
    await expect(call(`${url}/mcp`, { ca })).rejects.toMatchObject({
      code: expect.stringMatching(/CERTIFICATE_REQUIRED$|^ECONNRESET$|^EPIPE$/),
    })
    await line(/TLS handshake failed: the client has no certificate/)
  })
})
