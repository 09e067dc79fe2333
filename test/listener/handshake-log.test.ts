// What the log says of handshakes: why one failed, once per cause and client, and with debug what one agreed on.
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { describe, expect, it } from 'vitest'
import { silentLog, type Log, type LogFields } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { until } from '../support/servers.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { startListener, type TestListener } from './start-listener.ts'
import { visit, type TlsClientOptions } from './tls-client.ts'

interface Line extends LogFields {
  readonly level: string
  readonly message: string
}

interface Logged extends TestListener {
  readonly lines: readonly Line[]
  readonly authority: TestAuthority
}

async function start(
  overrides: (authority: TestAuthority) => Partial<ServerTlsOptions> = () => ({}),
  limits = {},
): Promise<Logged> {
  const authority = testAuthority()
  const lines: Line[] = []
  const write =
    (level: string): Log['info'] =>
    (fields, message) =>
      void lines.push({ ...fields, level, message })
  const log = { ...silentLog, warn: write('warn'), debug: write('debug'), isEnabled: () => true }
  const listener = await startListener({
    tls: serverTlsOptions(authority.issue(), overrides(authority)),
    ca: Buffer.from(authority.cert),
    log,
    limits,
  })
  return { ...listener, lines, authority }
}

const verify = ({ certFile }: TestAuthority): Partial<ServerTlsOptions> => ({
  clientAuth: 'verify',
  clientCaFile: certFile,
})

function come({ port, ca }: Logged, options: Partial<TlsClientOptions> = {}) {
  return visit({ port, ca, ...options })
}

const pair = ({ cert, key }: TestLeaf) => ({ cert, key })

async function failureOf(logged: Logged): Promise<string> {
  const told = (): Line[] =>
    logged.lines.filter(({ message }) => message.startsWith('TLS handshake failed'))
  await until(() => told().length > 0, 'the line')
  expect(told()).toMatchObject([{ level: 'warn', remote: '127.0.0.1' }])
  return told()[0]!.message
}

describe('a failed handshake is told', () => {
  it('of a client that does not know the authority', async () => {
    const logged = await start()
    await come(logged, { ca: testAuthority('Other').cert })
    expect(await failureOf(logged)).toMatch(
      /does not know the authority|left during the handshake.*needs the CA/,
    )
  })

  it('of a client that wants another name, with the names that there are', async () => {
    const logged = await start()
    await come(logged, { servername: 'other.example' })
    // The client has verified nothing until the handshake is over, and leaves: to the listener that is a short visit.
    await come(logged, { ca: testAuthority('Other').cert, version: '1.2' })
    expect(await failureOf(logged)).toMatch(
      /a name among localhost, 127\.0\.0\.1|does not know the authority/,
    )
  })

  it.each(['1.2', '1.3'] as const)(
    'of a client without certificate, over TLS %s',
    async (version) => {
      const logged = await start(verify)
      const { code } = await come(logged, { version })
      expect(await failureOf(logged)).toBe(
        'TLS handshake failed: the client has no certificate, and client_auth wants one',
      )
      expect(code).toMatch(/ALERT_HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED/)
    },
  )

  it('of a client without certificate where none is verified', async () => {
    const logged = await start(() => ({ clientAuth: 'require' }))
    await come(logged)
    expect(await failureOf(logged)).toContain('the client has no certificate')
  })

  const other = (): TestLeaf => testAuthority('Other').issue({ purpose: 'clientAuth' })
  it.each<[string, (authority: TestAuthority) => TestLeaf, RegExp]>([
    ['another authority', other, /of an authority that is not in client_ca_file/],
    [
      'an end in the past',
      (it) => it.issue({ purpose: 'clientAuth', fromDay: -3, toDay: -1 }),
      /has expired$/,
    ],
    [
      'a beginning in the future',
      (it) => it.issue({ purpose: 'clientAuth', fromDay: 1 }),
      /is not valid yet$/,
    ],
    [
      'a server’s purpose',
      (it) => it.issue(),
      /is not for clients: it lacks extended key usage clientAuth$/,
    ],
  ])('of a client whose certificate has %s', async (_, issue, sentence) => {
    const logged = await start(verify)
    await come(logged, pair(issue(logged.authority)))
    expect(await failureOf(logged)).toMatch(sentence)
  })

  it('of a client that is revoked', async () => {
    let leaf: TestLeaf | undefined
    const logged = await start((authority) => {
      leaf = authority.issue({ purpose: 'clientAuth' })
      authority.revoke(leaf)
      return { ...verify(authority), crlFile: authority.crl() }
    })
    await come(logged, pair(leaf!))
    expect(await failureOf(logged)).toMatch(/is revoked \(crl_file\)$/)
  })

  it.each<[string, Partial<ServerTlsOptions>, Partial<TlsClientOptions>, RegExp]>([
    ['version', { minVersion: '1.3' }, { version: '1.2' }, /no version of TLS in common/],
    [
      'suite',
      { cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] },
      { version: '1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      /no cipher suite in common: see cipher_suites/,
    ],
    [
      'group',
      { curvePreferences: ['P-384'] },
      { version: '1.3', ecdhCurve: 'X25519' },
      /no key exchange group in common: see curve_preferences/,
    ],
    [
      'group of TLS 1.2',
      { curvePreferences: ['P-384'] },
      { version: '1.2', ecdhCurve: 'P-256' },
      /no cipher suite in common: .* up to TLS 1\.2 it may be the group, see curve_preferences/,
    ],
    [
      'suite of its own version',
      {
        minVersion: '1.0',
        maxVersion: '1.1',
        cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
      },
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' },
      /no cipher suite for the version of TLS that the client speaks: see cipher_suites/,
    ],
    ['protocol', {}, { ALPNProtocols: ['spdy'] }, /neither HTTP\/1\.1 nor HTTP\/2/],
  ])('of a client that has no %s in common', async (_, overrides, options, sentence) => {
    const logged = await start(() => overrides)
    await come(logged, options)
    expect(await failureOf(logged)).toMatch(sentence)
  })

  it.each([
    [
      'plain HTTP',
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      /speaks plain HTTP to the TLS port: use https:\/\/ there/,
    ],
    ['something else', 'SSH-2.0-OpenSSH_9.6\r\n', /does not speak TLS/],
  ])('of a client that speaks %s', async (_, bytes, sentence) => {
    const logged = await start()
    const socket = connectTcp(logged.port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', () => {}).resume()
    expect(await failureOf(logged)).toMatch(sentence)
  })

  it('of a client that takes too long', async () => {
    const logged = await start(() => ({}), { handshakeTimeoutMs: 100 })
    connectTcp(logged.port, '127.0.0.1')
      .on('error', () => {})
      .resume()
    expect(await failureOf(logged)).toMatch(
      /did not finish the handshake in limits\.handshake_timeout/,
    )
  })

  it('once for the same cause and client, and again for another cause', async () => {
    const logged = await start(verify)
    for (let times = 0; times < 3; times += 1) await come(logged)
    const { cert, key } = other()
    await come(logged, { cert, key })
    const told = (): string[] =>
      logged.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    await until(() => told().length === 2, 'two lines')
    expect(told()[0]).toContain('the client has no certificate')
    expect(told()[1]).toMatch(/client_ca_file/)
    expect(logged.lines.filter(({ count }) => count === 2)).toHaveLength(1)
    expect(await logged.count('connectionsShed', { reason: 'handshake_failed' })).toBe(4)
  })
})

describe('with debug, a handshake is told', () => {
  it('with version, suite, group, protocol and client', async () => {
    const logged = await start(verify)
    const leaf = logged.authority.issue({
      purpose: 'clientAuth',
      subjectAltName: 'URI:spiffe://a.example/ada',
    })
    const client = { ...pair(leaf), ecdhCurve: 'P-256' }
    const { session } = await come(logged, { ...client, version: '1.3', http2: true })
    await come(logged, { ...client, version: '1.3', ...(session && { session }) })
    await come(logged, { ...client, version: '1.2' })
    const done = logged.lines.filter(({ message }) => message === 'TLS handshake done')
    const expected = {
      level: 'debug',
      group: 'P-256',
      resumed: false,
      peer: 'spiffe://a.example/ada',
    }
    expect(done).toMatchObject([
      { ...expected, version: '1.3', suite: 'TLS_AES_256_GCM_SHA384', alpn: 'h2' },
      {
        ...expected,
        version: '1.3',
        suite: 'TLS_AES_256_GCM_SHA384',
        alpn: 'http/1.1',
        resumed: true,
      },
      { ...expected, version: '1.2', suite: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' },
    ])
  })

  it('with what a client claims, where nobody verifies it', async () => {
    const logged = await start(() => ({ clientAuth: 'request' }))
    const leaf = testAuthority('Other').issue({ commonName: 'eve', purpose: 'clientAuth' })
    await come(logged, { cert: readFileSync(leaf.certFile), key: leaf.key })
    const done = logged.lines.find(({ message }) => message === 'TLS handshake done')
    expect(done?.peer).toBe('not verified: CN=eve')
  })
})
