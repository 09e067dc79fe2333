// Servers that say late, or never, whether they like the gateway's certificate: OpenSSL's own, which sends no session
// tickets when it is told so, and nothing else that would tell a client that the handshake was to its liking.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import { createLog } from '../../src/observability/index.ts'
import { createClientTls, DEFAULT_CLIENT_TLS, type ClientTlsOptions } from '../../src/tls/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { deadPort, until } from '../support/servers.ts'
import { get, record, startUpstream } from './recorded-call.ts'
import { startTlsServer } from './tls-server.ts'

/** Demands a client certificate in TLS 1.3 and sends no tickets. */
async function startSilentServer(authority: TestAuthority): Promise<string> {
  const { certFile, keyFile } = authority.issue()
  const port = await deadPort()
  const files = ['-cert', certFile, '-key', keyFile, '-CAfile', authority.certFile]
  const manner = ['-tls1_3', '-num_tickets', '0', '-Verify', '1', '-verify_return_error', '-www']
  const server = spawn('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, ...files, ...manner])
  onTestFinished(() => void server.kill())
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.startsWith('ACCEPT')) break
  }
  server.stdout.resume()
  return `https://127.0.0.1:${port}/`
}

const shows = ({ certFile, keyFile }: TestLeaf): Partial<ClientTlsOptions> => ({
  credential: { kind: 'pem', certFile, keyFile, keyPassword: undefined },
})

const tlsFor = (authority: TestAuthority, options: Partial<ClientTlsOptions> = {}) => ({
  ...DEFAULT_CLIENT_TLS,
  caFile: authority.certFile,
  systemRoots: false,
  ...options,
})

describe('a server that sends no session tickets', () => {
  it('answers when it gets the certificate that it wants', async () => {
    const authority = testAuthority()
    const url = await startSilentServer(authority)
    const tls = tlsFor(authority, shows(authority.issue({ purpose: 'clientAuth' })))
    const upstream = startUpstream(url, { tls })
    await upstream.probe(1_000)
    const sink = record()
    upstream.send(get(), sink)
    expect(await sink.over).toBeUndefined()
    expect(sink.status).toBe(200)
  })

  it('is refused by a probe and a call when the certificate is withheld', async () => {
    const authority = testAuthority()
    const upstream = startUpstream(await startSilentServer(authority), { tls: tlsFor(authority) })
    const expected = {
      code: 'GW_UPSTREAM_TLS',
      message: expect.stringMatching(/client certificate/),
    }
    await expect(upstream.probe(1_000)).rejects.toThrow(expect.objectContaining(expected))
    const sink = record()
    upstream.send(get(), sink)
    expect(await sink.over).toMatchObject(expected)
    expect(sink.sent).toBe(false)
  })
})

describe('the log', () => {
  it('tells a failed handshake once per cause, with what to do, and a good one at level debug', async () => {
    const [authority, other] = [testAuthority(), testAuthority('Other CA')]
    const lines: Record<string, unknown>[] = []
    const log = createLog(
      { level: 'debug', access: false },
      { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    )
    const leaf = other.issue({ commonName: 'someone' })
    const server = await startTlsServer({ cert: leaf.cert, key: leaf.key })
    const context = { name: 'server test', clock: systemClock, log: log.with({ server: 'test' }) }
    const refusing = startUpstream(
      server.url,
      {},
      { tls: createClientTls(tlsFor(authority), context) },
    )
    for (let count = 0; count < 3; count++) await refusing.probe(1_000).catch(() => {})
    const address = `127.0.0.1:${server.port}`
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'warn',
        server: 'test',
        address,
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        msg: expect.stringMatching(/^TLS handshake failed: .*unknown authority.*; .*ca_cert/),
      }),
    ])
    lines.length = 0
    const trusting = startUpstream(server.url, {}, { tls: createClientTls(tlsFor(other), context) })
    await trusting.probe(1_000)
    await until(() => lines.length > 0, 'a line')
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'debug',
        address,
        version: '1.3',
        suite: 'TLS_AES_256_GCM_SHA384',
        group: expect.stringMatching(/^(?:X25519MLKEM768|unknown)$/),
        alpn: 'http/1.1',
        resumed: false,
        peer: 'CN=someone',
      }),
    ])
  })
})
