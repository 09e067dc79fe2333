// What a change of trust does to clients that were let in before it: to their connections, and to the tickets with which they
// would come back. And how long tickets last otherwise.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createListener } from '../../src/listener/index.ts'
import { systemClock, type Clock } from '../../src/core/index.ts'
import { createMetrics, silentLog } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { answerText, LIMITS } from './start-listener.ts'
import { openTls, visit, type TlsClientOptions, type TlsVisit } from './tls-client.ts'

interface Setting {
  readonly authority: TestAuthority
  readonly server: TestLeaf
  /** Copies of what is trusted, to be overwritten by the test. */
  readonly clientCaFile: string
  readonly crlFile: string
  readonly options: ServerTlsOptions
}

function setting(overrides: Partial<ServerTlsOptions> = {}): Setting {
  const authority = testAuthority()
  const folder = temporaryFolder()
  const [clientCaFile, crlFile] = [join(folder, 'ca.crt'), join(folder, 'ca.crl')]
  copyFileSync(authority.certFile, clientCaFile)
  copyFileSync(authority.crl(), crlFile)
  const server = authority.issue()
  const options = serverTlsOptions(server, {
    clientAuth: 'verify',
    clientCaFile,
    crlFile,
    ...overrides,
  })
  return { authority, server, clientCaFile, crlFile, options }
}

interface Context {
  readonly clock?: Clock
  readonly ticketSecret?: string
}

async function start(tls: ServerTlsOptions, { clock = systemClock, ticketSecret }: Context = {}) {
  const listener = createListener(
    {
      name: 'test',
      host: '127.0.0.1',
      port: 0,
      tls,
      http2: true,
      securityHeaders: [],
      limits: LIMITS,
    },
    {
      log: silentLog,
      metrics: createMetrics(),
      clock,
      ticketSecret,
      onExchange: (exchange) => answerText(exchange, exchange.peer?.commonName ?? 'nobody'),
      onRefusal: () => {},
    },
  )
  onTestFinished(() => listener.stop(0))
  await listener.start()
  return listener
}

type Listener = Awaited<ReturnType<typeof start>>

const come = (
  { address: { port } }: Listener,
  { authority }: Setting,
  leaf: TestLeaf,
  options: Partial<TlsClientOptions> = {},
): Promise<TlsVisit> =>
  visit({ port, ca: authority.cert, cert: leaf.cert, key: leaf.key, ...options })

async function stay(
  listener: Listener,
  { authority }: Setting,
  { cert, key }: TestLeaf,
  http2 = false,
): Promise<TLSSocket> {
  const { port } = listener.address
  return (await openTls({ port, ca: authority.cert, cert, key, http2 })).resume()
}

const client = { commonName: 'ada', purpose: 'clientAuth' }
const VERSIONS = ['1.2', '1.3'] as const

describe.each(VERSIONS)('a session of TLS %s', (version) => {
  it('is resumed, and its client is known', async () => {
    const all = setting()
    const listener = await start(all.options)
    const leaf = all.authority.issue(client)
    const { session } = await come(listener, all, leaf, { version })
    const again = await come(listener, all, leaf, { version, session })
    expect(again).toMatchObject({ status: 200, resumed: true, body: 'ada' })
  })

  it('is resumed where another certificate is chosen by name', async () => {
    const all = setting()
    const other = all.authority.issue({ subjectAltName: 'DNS:other.example' })
    const { credentials } = serverTlsOptions([all.server, other])
    const listener = await start({ ...all.options, credentials })
    const leaf = all.authority.issue(client)
    const named = { version, servername: 'other.example' }
    const { session } = await come(listener, all, leaf, named)
    expect(await come(listener, all, leaf, { ...named, session })).toMatchObject({
      status: 200,
      resumed: true,
      body: 'ada',
    })
  })

  it('does not bring a revoked client back', async () => {
    const all = setting()
    const listener = await start(all.options)
    const leaf = all.authority.issue(client)
    const { session } = await come(listener, all, leaf, { version })
    all.authority.revoke(leaf)
    copyFileSync(all.authority.crl(), all.crlFile)
    expect(listener.tls?.reload()).toBe(true)
    expect((await come(listener, all, leaf, { version, session })).status).toBe(0)
    expect((await come(listener, all, leaf, { version })).status).toBe(0)
    const other = all.authority.issue(client)
    expect((await come(listener, all, other, { version })).status).toBe(200)
  })

  it('does not bring back a client whose authority is not trusted any more', async () => {
    const all = setting({ crlFile: undefined })
    const listener = await start(all.options)
    const leaf = all.authority.issue(client)
    const { session } = await come(listener, all, leaf, { version })
    copyFileSync(testAuthority('Other CA').certFile, all.clientCaFile)
    expect(listener.tls?.reload()).toBe(true)
    expect((await come(listener, all, leaf, { version, session })).status).toBe(0)
  })

  it('does not bring back a client whose certificate has expired since', async () => {
    const all = setting({ crlFile: undefined })
    let nowMs = Date.now()
    // OpenSSL has a clock of its own; the one of the listener is two days ahead in the end.
    const listener = await start(all.options, { clock: { ...systemClock, nowMs: () => nowMs } })
    const short = all.authority.issue({ ...client, toDay: 1 })
    const long = all.authority.issue(client)
    const { session: ended } = await come(listener, all, short, { version })
    const { session: going } = await come(listener, all, long, { version })
    nowMs += 2 * 86_400_000
    expect((await come(listener, all, short, { version, session: ended })).status).toBe(0)
    expect(await come(listener, all, long, { version, session: going })).toMatchObject({
      status: 200,
      resumed: true,
    })
  })

  it('goes on when only the certificate of the listener is another', async () => {
    const all = setting()
    const folder = temporaryFolder()
    const [certFile, keyFile] = [join(folder, 'a.crt'), join(folder, 'a.key')]
    const put = ({ cert, key }: TestLeaf): void => {
      writeFileSync(certFile, cert)
      writeFileSync(keyFile, key, { mode: 0o600 })
    }
    put(all.server)
    const { credentials } = serverTlsOptions({ certFile, keyFile })
    const listener = await start({ ...all.options, credentials })
    const leaf = all.authority.issue(client)
    const { session } = await come(listener, all, leaf, { version })
    put(all.authority.issue({ commonName: 'renewed' }))
    expect(listener.tls?.reload()).toBe(true)
    expect(await come(listener, all, leaf, { version, session })).toMatchObject({
      status: 200,
      resumed: true,
    })
  })

  it('ends with its ticket key', async () => {
    const all = setting({ clientAuth: 'none', clientCaFile: undefined, crlFile: undefined })
    const clock = manualClock(Date.now())
    const listener = await start(all.options, { clock })
    const { ca } = { ca: all.authority.cert }
    const { port } = listener.address
    const { session } = await visit({ port, ca, version })
    expect((await visit({ port, ca, version, session })).resumed).toBe(true)
    clock.advance(all.options.ticketRotationMs)
    expect(await visit({ port, ca, version, session })).toMatchObject({
      status: 200,
      resumed: false,
    })
  })

  it('is resumed by a replica with the same secret and the same trust, and by no other', async () => {
    const all = setting()
    const leaf = all.authority.issue(client)
    const first = await start(all.options, { ticketSecret: 'shared between replicas' })
    const { session } = await come(first, all, leaf, { version })
    const resumes = async (options: ServerTlsOptions, ticketSecret: string): Promise<boolean> => {
      const replica = await start(options, { ticketSecret })
      const { status, resumed } = await come(replica, all, leaf, { version, session })
      expect(status).toBe(200)
      return resumed
    }
    expect(await resumes(all.options, 'shared between replicas')).toBe(true)
    expect(await resumes(all.options, 'another secret')).toBe(false)
    const lax = { ...all.options, crlFile: undefined }
    expect(await resumes(lax, 'shared between replicas')).toBe(false)
  })
})

describe('a connection that is open', () => {
  const isClosed = async (socket: TLSSocket): Promise<boolean> => {
    await until(() => socket.closed, 'the end of the connection')
    return socket.closed
  }

  it.each([false, true])('is closed when its client is revoked; HTTP/2: %s', async (http2) => {
    const all = setting()
    const listener = await start(all.options)
    const [bad, good] = [all.authority.issue(client), all.authority.issue(client)]
    const closing = await stay(listener, all, bad, http2)
    const staying = await stay(listener, all, good, http2)
    all.authority.revoke(bad)
    copyFileSync(all.authority.crl(), all.crlFile)
    listener.tls?.reload()
    expect(await isClosed(closing)).toBe(true)
    expect((await come(listener, all, good)).status).toBe(200)
    expect(staying.destroyed).toBe(false)
  })

  it('is closed when its authority is not trusted any more; those of the others stay', async () => {
    const all = setting({ crlFile: undefined })
    const other = testAuthority('Other CA')
    writeFileSync(all.clientCaFile, readFileSync(all.authority.certFile, 'utf8') + other.cert)
    const listener = await start(all.options)
    const closing = await stay(listener, all, other.issue(client))
    const staying = await stay(listener, all, all.authority.issue(client))
    copyFileSync(all.authority.certFile, all.clientCaFile)
    listener.tls?.reload()
    expect(await isClosed(closing)).toBe(true)
    expect(staying.destroyed).toBe(false)
  })

  it('stays when an authority comes, and when its own is renewed with the same key', async () => {
    const all = setting({ crlFile: undefined })
    const listener = await start(all.options)
    const staying = await stay(listener, all, all.authority.issue(client))
    const other = testAuthority('Other CA')
    writeFileSync(all.clientCaFile, readFileSync(all.authority.certFile, 'utf8') + other.cert)
    expect(listener.tls?.reload()).toBe(true)
    expect((await come(listener, all, other.issue(client))).status).toBe(200)
    expect(staying.destroyed).toBe(false)
  })

  it('is closed when the authority between it and the root is revoked', async () => {
    const all = setting()
    const below = all.authority.intermediate()
    writeFileSync(all.clientCaFile, all.authority.cert + below.cert)
    writeFileSync(
      all.crlFile,
      readFileSync(all.authority.crl(), 'utf8') + readFileSync(below.crl()),
    )
    const listener = await start(all.options)
    const leaf = below.issue(client)
    const closing = await stay(listener, all, {
      ...leaf,
      cert: readFileSync(leaf.chainFile, 'utf8'),
    })
    all.authority.revoke({ ...leaf, certFile: below.certFile })
    writeFileSync(
      all.crlFile,
      readFileSync(all.authority.crl(), 'utf8') + readFileSync(below.crl()),
    )
    listener.tls?.reload()
    expect(await isClosed(closing)).toBe(true)
  })
})

describe('a reload', () => {
  it('keeps what was good when the new files are not, and says which', async () => {
    const all = setting()
    const listener = await start(all.options)
    const leaf = all.authority.issue(client)
    writeFileSync(all.crlFile, 'nonsense')
    expect(() => listener.tls?.reload()).toThrow(
      `${all.crlFile}: expected a PEM file with revocation lists`,
    )
    expect((await come(listener, all, leaf)).status).toBe(200)
    all.authority.revoke(leaf)
    copyFileSync(all.authority.crl(), all.crlFile)
    expect(listener.tls?.reload()).toBe(true)
    expect((await come(listener, all, leaf)).status).toBe(0)
  })

  it('keeps versions, suites and the wish for a certificate', async () => {
    const all = setting({ minVersion: '1.3' })
    const listener = await start(all.options)
    const leaf = all.authority.issue(client)
    copyFileSync(all.authority.crl(), all.crlFile)
    expect(listener.tls?.reload()).toBe(true)
    expect((await come(listener, all, leaf, { version: '1.2' })).status).toBe(0)
    const { port } = listener.address
    expect((await visit({ port, ca: all.authority.cert })).status).toBe(0)
    expect((await come(listener, all, leaf)).status).toBe(200)
  })

  it('without a change says so', async () => {
    const listener = await start(setting().options)
    expect(listener.tls?.reload()).toBe(false)
  })
})
