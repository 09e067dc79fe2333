// Every example of TLS to servers, started as it stands: in a folder with the certificates it names, with its addresses
// replaced from the environment. Real calls go through each to real servers, or are refused.
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { startTlsServer, type TestTlsServer } from '../upstream/tls-server.ts'
import { folderWith } from './run-cli.ts'
import { call, serveExample } from './run-example.ts'

const PASSWORD = 'a password for tests'

const urlKey = (server: string, endpoint: number): string =>
  `SALLYPORT__SERVERS__${server}__ENDPOINTS__${endpoint}__URL`

interface Server extends TestTlsServer {
  /** Common names of the clients that got through, in their order. */
  readonly clients: readonly unknown[]
}

/** With `clients` it takes none but theirs. */
async function startServer(
  { cert, key }: Pick<TestLeaf, 'cert' | 'key'>,
  { clients, http2 = false }: { readonly clients?: TestAuthority; readonly http2?: boolean } = {},
): Promise<Server> {
  const demand = clients && { ca: clients.cert, requestCert: true, rejectUnauthorized: true }
  const started = await startTlsServer({ cert, key, http2, ...demand })
  const seen: unknown[] = []
  started.server.on('secureConnection', (socket: TLSSocket) => {
    seen.push(socket.getPeerCertificate().subject?.CN)
  })
  return { ...started, clients: seen }
}

const digest = (algorithm: string, { cert }: TestLeaf): Buffer =>
  createHash(algorithm).update(new X509Certificate(cert).raw).digest()

const pinOf = (leaf: TestLeaf): string => `sha256:${digest('sha256', leaf).toString('base64')}`

const thumbprintOf = (leaf: TestLeaf): string => digest('sha1', leaf).toString('hex').toUpperCase()

/** What the listener takes of HTTP/2 and HTTP/1.1. */
function protocolOf(url: string, ca: string): Promise<unknown> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), ca, ALPNProtocols: ['h2', 'http/1.1'] })
  onTestFinished(() => void socket.destroy())
  return new Promise((done, fail) => {
    socket.once('secureConnect', () => done(socket.alpnProtocol))
    socket.once('error', fail)
  })
}

/** A client learns that it was TLS; why is in the log. */
async function refusal(url: string, ca?: string): Promise<unknown> {
  const { status, body } = await call(url, { ca })
  const { error } = JSON.parse(body) as { error: { data: { code: string } } }
  return [status, error.data.code]
}

const TLS_FAILED = [502, 'GW_UPSTREAM_TLS']
const UNKNOWN_AUTHORITY = /TLS handshake failed: .*signed by an unknown authority.*ca_cert/

describe('termination.yaml', () => {
  it('takes HTTPS and calls plain HTTP, with a warning', async () => {
    const authority = testAuthority()
    let arrived = 0
    const server = createServer((_, response) => {
      arrived++
      response.end('{}')
    })
    await new Promise<void>((started) => server.listen(0, '127.0.0.1', started))
    onTestFinished(() => void server.close())
    // Another machine as far as the address tells, and this one all the same.
    const backend = `http://[::ffff:127.0.0.1]:${(server.address() as AddressInfo).port}/mcp`
    const { url, line } = await serveExample('tls/termination.yaml', {
      env: {
        GATEWAY_PFX_PASSWORD: PASSWORD,
        [urlKey('backend', 0)]: backend,
        [urlKey('backend', 1)]: backend,
      },
      files: { 'certs/gateway.pfx': authority.issue().pfx(PASSWORD) },
    })
    for (let count = 0; count < 2; count++) {
      expect((await call(`${url}/mcp`, { ca: authority.cert })).status).toBe(200)
    }
    expect(arrived).toBe(2)
    expect(await protocolOf(url, authority.cert)).toBe('h2')
    await line(/"level":"warn".*"server":"backend".*allow_cleartext/)
  })
})

describe('re-encryption.yaml', () => {
  /** `pinned` are the certificates that are expected, `shown` those that the servers have. */
  async function serve(pinned: readonly string[], shown: readonly TestLeaf[], ca: TestAuthority) {
    const authority = testAuthority()
    const [one, two] = await Promise.all(
      // The second one speaks HTTP/2 as well.
      shown.map((leaf, index) => startServer(leaf, { http2: index === 1 })),
    )
    const pins = join(folderWith({}), 'pins')
    writeFileSync(pins, `# server 2, until the end of the year\n${pinned[1]}\n`)
    const { url, line } = await serveExample('tls/re-encryption.yaml', {
      env: {
        GATEWAY_PFX_PASSWORD: PASSWORD,
        SERVER_1_PIN: pinned[0] ?? '',
        [urlKey('backend', 0)]: one?.url ?? '',
        [urlKey('backend', 1)]: two?.url ?? '',
      },
      files: {
        'certs/gateway.pfx': authority.issue().pfx(PASSWORD),
        'certs/internal-ca.crt': ca.certFile,
        'certs/server-2.pins': pins,
      },
    })
    const calls = (server: Server | undefined): readonly string[] => server?.requests ?? []
    return { url: `${url}/mcp`, ca: authority.cert, line, arrived: () => [one, two].map(calls) }
  }

  it('calls the servers whose certificates are pinned', async () => {
    const internal = testAuthority('Internal CA')
    const leaves = [internal.issue(), internal.issue()]
    const { url, ca, arrived } = await serve(leaves.map(pinOf), leaves, internal)
    expect((await call(url, { ca })).status).toBe(200)
    expect((await call(url, { ca })).status).toBe(200)
    expect(arrived()).toEqual([['POST 1.1'], ['POST 2.0']])
  })

  it('takes a thumbprint of 40 hex digits, with a warning', async () => {
    const internal = testAuthority('Internal CA')
    const [one, two] = [internal.issue(), internal.issue()]
    const { url, ca, line } = await serve([thumbprintOf(one), pinOf(two)], [one, two], internal)
    expect((await call(url, { ca })).status).toBe(200)
    await line(/pinned_certificates has SHA-1 thumbprints: write sha256: pins instead/)
  })

  it('refuses a server with another certificate, although the authority is right', async () => {
    const internal = testAuthority('Internal CA')
    const [one, two, other] = [internal.issue(), internal.issue(), internal.issue()]
    const pins = [pinOf(other), pinOf(other)]
    const { url, ca, arrived, line } = await serve(pins, [one, two], internal)
    expect(await refusal(url, ca)).toEqual(TLS_FAILED)
    expect(arrived()).toEqual([[], []])
    await line(/TLS handshake failed: .* is none of the pinned ones; see whether it was renewed/)
  })

  it('refuses a server with a pinned certificate that the authority did not sign', async () => {
    const internal = testAuthority('Internal CA')
    const leaves = [testAuthority('Other').issue(), testAuthority('Other').issue()]
    const { url, ca, line } = await serve(leaves.map(pinOf), leaves, internal)
    expect(await refusal(url, ca)).toEqual(TLS_FAILED)
    await line(UNKNOWN_AUTHORITY)
  })
})

describe('private-ca.yaml', () => {
  /** A server certificate that nobody signed but itself. */
  function selfSigned(): Pick<TestLeaf, 'cert' | 'key' | 'certFile'> {
    const folder = folderWith({})
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'crt')]
    const subject = ['-subj', '/CN=server', '-addext', 'subjectAltName=IP:127.0.0.1']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const output = ['-days', '30', '-keyout', keyFile, '-out', certFile]
    execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...output], { stdio: 'ignore' })
    return { certFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  async function serve(remoteOf: (own: TestAuthority, web: TestAuthority) => TestAuthority) {
    const [own, web] = [testAuthority('Own CA'), testAuthority('Authority of the web')]
    const name = { subjectAltName: 'DNS:mcp.example.com' }
    const [one, two] = [selfSigned(), selfSigned()]
    const servers = {
      remote: await startServer(remoteOf(own, web).issue(name)),
      one: await startServer(one),
      two: await startServer(two),
      moving: await startServer(web.issue()),
      public: await startServer(web.issue()),
    }
    return serveExample('tls/private-ca.yaml', {
      env: {
        NODE_EXTRA_CA_CERTS: web.certFile,
        [urlKey('remote', 0)]: servers.remote.url,
        [urlKey('self_signed', 0)]: servers.one.url,
        [urlKey('self_signed', 1)]: servers.two.url,
        [urlKey('moving', 0)]: servers.moving.url,
        [urlKey('public', 0)]: servers.public.url,
      },
      files: {
        'certs/custom-ca.crt': own.certFile,
        'certs/server-1.crt': one.certFile,
        'certs/server-2.crt': two.certFile,
      },
    })
  }

  it('calls servers of whatever authority they are', async () => {
    const { url } = await serve((own) => own)
    for (const path of ['remote', 'self-signed', 'self-signed', 'moving', 'public']) {
      expect([path, (await call(`${url}/${path}`)).status]).toEqual([path, 200])
    }
  })

  it('refuses a certificate of the web where its own authority is named', async () => {
    const { url, line } = await serve((_, web) => web)
    expect(await refusal(`${url}/remote`)).toEqual(TLS_FAILED)
    await line(UNKNOWN_AUTHORITY)
  })
})

describe('client-certificate.yaml', () => {
  async function serve(remoteTakes: (clients: TestAuthority) => TestAuthority) {
    const [servers, clients] = [testAuthority('Servers'), testAuthority('Clients')]
    const [east, west] = [testAuthority('East'), testAuthority('West')]
    const purpose = 'clientAuth'
    const leaf = clients.issue({ commonName: 'gateway', purpose })
    const eastern = east.issue({ commonName: 'gateway in the east', purpose })
    const western = west.issue({ commonName: 'gateway in the west', purpose })
    const remote = await startServer(servers.issue(), { clients: remoteTakes(clients) })
    const clusters = [
      await startServer(east.issue(), { clients: east }),
      await startServer(west.issue(), { clients: west }),
    ] as const
    const served = await serveExample('tls/client-certificate.yaml', {
      env: {
        CLIENT_KEY_PASSWORD: PASSWORD,
        WEST_PFX_PASSWORD: PASSWORD,
        [urlKey('remote', 0)]: remote.url,
        [urlKey('clusters', 0)]: clusters[0].url,
        [urlKey('clusters', 1)]: clusters[1].url,
      },
      files: {
        'certs/server-ca.crt': servers.certFile,
        'certs/client.crt': leaf.certFile,
        'certs/client.key': leaf.encryptedKey(PASSWORD),
        'certs/east-ca.crt': east.certFile,
        'certs/east.crt': eastern.certFile,
        'certs/east.key': eastern.keyFile,
        'certs/west-ca.crt': west.certFile,
        'certs/west.pfx': western.pfx(PASSWORD),
      },
    })
    return { ...served, remote, clusters }
  }

  it('shows every server the certificate that it wants', async () => {
    const { url, remote, clusters } = await serve((clients) => clients)
    for (const path of ['remote', 'clusters', 'clusters']) {
      expect((await call(`${url}/${path}`)).status).toBe(200)
    }
    expect(new Set(remote.clients)).toEqual(new Set(['gateway']))
    expect(new Set(clusters[0].clients)).toEqual(new Set(['gateway in the east']))
    expect(new Set(clusters[1].clients)).toEqual(new Set(['gateway in the west']))
  })

  it('says so when a server does not take it', async () => {
    const { url, line } = await serve(() => testAuthority('Other clients'))
    expect(await refusal(`${url}/remote`)).toEqual(TLS_FAILED)
    await line(/"server":"remote".*TLS handshake failed: the endpoint/)
  })
})

describe('unverified.yaml', () => {
  it('believes whoever answers, and warns', async () => {
    const server = await startServer(testAuthority('Nobody').issue({ subjectAltName: '' }))
    const { url, line } = await serveExample('tls/unverified.yaml', {
      env: { [urlKey('remote', 0)]: server.url },
    })
    expect((await call(`${url}/mcp`)).status).toBe(200)
    await line(/"level":"warn".*insecure_skip_verify/)
  })
})
