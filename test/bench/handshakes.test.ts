// The load generator of the handshakes must not flatter anyone: what it counts and what it refuses. Nothing here looks at how
// long anything takes.
import { constants, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LoadResult } from '../../bench/load/measure.ts'
import { runHandshakes } from '../../bench/load/run-handshakes.ts'
import { measureHandshakes, type HandshakeRig } from '../../bench/tls/handshake-rounds.ts'
import { expectedAgreement, faultOf, type Handshake } from '../../bench/tls/handshake.ts'
import { quickHandshakes } from '../../bench/tls/plan.ts'
import { shedCount } from '../../bench/tls/targets.ts'
import { startGateway } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { issueCert, type TestCertificate } from '../support/certificates.ts'
import { deadPort, startHttpServer } from '../support/servers.ts'
import { gatewayOptions } from '../support/gateway.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

const IN_FLIGHT = 3

const full: Handshake = { version: '1.3', key: 'p256', group: 'X25519', isResumed: false }
const resumed: Handshake = { ...full, isResumed: true }

const shake = (
  port: number,
  handshake: Handshake | undefined,
  { ca }: Pick<TestCertificate, 'ca'>,
): Promise<LoadResult> =>
  runHandshakes({
    port,
    ca: ca.toString(),
    handshake,
    inFlight: IN_FLIGHT,
    warmUpMs: 5,
    measureMs: 30,
    pids: [process.pid],
    companionPids: [],
  })

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A TLS server that counts the handshakes it has done. */
async function startTlsServer(
  { certFile, keyFile }: TestCertificate,
  options: TlsOptions = {},
): Promise<{ port: number; server: Server; counts: { full: number; resumed: number } }> {
  const material = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  const counts = { full: 0, resumed: 0 }
  const server = createServer(
    { ...material, ALPNProtocols: ['http/1.1'], ...options },
    (socket) => {
      counts[socket.isSessionReused() ? 'resumed' : 'full']++
      socket.on('error', () => {})
      socket.resume()
    },
  )
  server.on('tlsClientError', () => {})
  return { port: await listen(server), server, counts }
}

/** Node 22 does not say that a handshake was made with a hybrid; the bench runs on the project's own Node. */
const tellsHybrids = Number.parseInt(process.versions.node, 10) >= 24

const ROWS = [
  ['1.3', 'p256', 'X25519'],
  ['1.3', 'rsa2048', 'X25519'],
  ['1.3', 'p256', 'X25519MLKEM768'],
  ['1.2', 'p256', 'X25519'],
  ['1.2', 'rsa2048', 'X25519'],
] as const

describe('a handshake', () => {
  describe.each(ROWS)('of %s, %s, %s', (version, key, group) => {
    const isTold = tellsHybrids || group === 'X25519'
    it.runIf(isTold)('is counted as often as the server did it', async () => {
      const certificate = issueCert({ key: key === 'p256' ? 'ec' : 'rsa' })
      const ecdhCurve = 'X25519MLKEM768:X25519:P-256'
      const { port, counts } = await startTlsServer(certificate, { ecdhCurve })

      const first = await shake(port, { version, key, group, isResumed: false }, certificate)
      expect(first.count).toBeGreaterThan(0)
      expect(first.count).toBeLessThanOrEqual(first.totalCount)
      expect(counts).toEqual({ full: first.totalCount, resumed: 0 })

      const second = await shake(port, { version, key, group, isResumed: true }, certificate)
      expect(second.count).toBeGreaterThan(0)
      // Each of those in flight gets its first ticket in a full one, which is not counted.
      expect(counts).toEqual({ full: first.totalCount + IN_FLIGHT, resumed: second.totalCount })
    })
  })

  it('is left out of a connection without TLS', async () => {
    let connections = 0
    const server = createTcpServer((socket) => {
      connections++
      socket.resume()
    })
    const result = await shake(await listen(server), undefined, { ca: Buffer.alloc(0) })
    expect(result.count).toBeGreaterThan(0)
    expect(connections).toBe(result.totalCount)
  })

  it('is at fault when it is the other kind, or of something else than was asked for', () => {
    const found = expectedAgreement(full, false)
    expect(faultOf(expectedAgreement(full, false), found)).toBeUndefined()
    expect(faultOf(expectedAgreement(resumed, true), found)).toMatch('was to be resumed')
    expect(faultOf(found, expectedAgreement(resumed, true))).toMatch('was to be full')
    expect(faultOf(found, { ...found, protocol: 'TLSv1.2' })).toMatch('the protocol TLSv1.2, not')
    expect(faultOf(found, { ...found, suite: 'TLS_AES_128_GCM_SHA256' })).toMatch('the suite')
    expect(faultOf(found, { ...found, group: undefined })).toMatch('the group none, not on X25519')
    const withoutExchange = expectedAgreement({ ...resumed, version: '1.2' }, true)
    expect(faultOf(withoutExchange, { ...withoutExchange, group: 'x25519' })).toBeUndefined()
  })
})

describe('the load generator of handshakes', () => {
  it.each(['1.3', '1.2'] as const)(
    'refuses a server that resumes nothing: TLS %s',
    async (version) => {
      const certificate = issueCert()
      const { port } = await startTlsServer(certificate, {
        secureOptions: constants.SSL_OP_NO_TICKET,
      })
      await expect(shake(port, { ...resumed, version }, certificate)).rejects.toThrow(
        'was to be resumed, and was full',
      )
    },
  )

  it('refuses a server that forgets its tickets meanwhile', async () => {
    const certificate = issueCert()
    const { port, server } = await startTlsServer(certificate)
    let count = 0
    server.on('secureConnection', () => {
      const isLast = ++count === IN_FLIGHT * 3
      if (isLast) (server as ReturnType<typeof createServer>).setTicketKeys(randomBytes(48))
    })
    await expect(shake(port, resumed, certificate)).rejects.toThrow('and was full')
  })

  it('refuses a server with another certificate', async () => {
    const { port } = await startTlsServer(issueCert())
    await expect(shake(port, full, issueCert())).rejects.toThrow(/self-signed|certificate/)
  })

  it.each([
    ['group', { ecdhCurve: 'P-384' }],
    ['version', { maxVersion: 'TLSv1.2' }],
    ['cipher suite', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
  ] as const)('refuses a server without the %s asked for', async (_, options) => {
    const certificate = issueCert()
    const { port } = await startTlsServer(certificate, options)
    await expect(shake(port, full, certificate)).rejects.toThrow(/alert|handshake/)
  })

  it('refuses a server that would agree on another group', async () => {
    const certificate = issueCert()
    const { port } = await startTlsServer(certificate, { ecdhCurve: 'P-256' })
    await expect(shake(port, { ...full, version: '1.2' }, certificate)).rejects.toThrow(
      'agreed on the group prime256v1, not on X25519',
    )
  })

  it('refuses a server that hangs up before the handshake is done', async () => {
    const port = await listen(createTcpServer((socket) => socket.destroy()))
    await expect(shake(port, full, issueCert())).rejects.toThrow(
      /ECONNRESET|closed the connection|disconnected/,
    )
  })

  it('refuses a port where nobody listens', async () => {
    const port = await deadPort()
    const refused = shake(port, undefined, { ca: Buffer.alloc(0) })
    await expect(refused).rejects.toThrow('ECONNREFUSED')
  })
})

describe('the rounds of handshakes', () => {
  const plan = { ...quickHandshakes(), inFlight: IN_FLIGHT, measureMs: 20, warmUpMs: 5 }
  const cells = plan.cells.slice(0, 1).map((cell) => ({ ...cell, rounds: 1 }))

  function rigFor(ports: { p256: number; admin: number }, { ca }: TestCertificate): HandshakeRig {
    return {
      targets: [
        {
          name: 'sallyport',
          ports: { http: 0, rsa2048: 0, ...ports },
          pids: [process.pid],
          tidy: () => {},
        },
      ],
      cas: { p256: ca.toString(), rsa2048: ca.toString() },
      companionPids: [],
      handshakes: (order) => runHandshakes(order),
      onProgress: () => {},
    }
  }

  async function startGatewayThatTakes(acceptBurst: number) {
    const certificate = issueCert()
    const options = gatewayOptions({
      servers: { notes: [] },
      listener: { tls: serverTlsOptions(certificate) },
      socketLimits: { acceptBurst, acceptRatePerSecond: 1 },
      overrides: { admin: { name: 'admin', host: '127.0.0.1', port: 0 } },
    })
    const gateway = await startGateway(options, { log: silentLog })
    onTestFinished(() => gateway.stopNow())
    const portOf = (url = ''): number => Number(new URL(url).port)
    const ports = { p256: portOf(gateway.addresses[0]?.url), admin: portOf(gateway.adminUrl) }
    return { certificate, ports }
  }

  it('accept a gateway that takes every connection', async () => {
    const { certificate, ports } = await startGatewayThatTakes(100_000)
    const samples = await measureHandshakes(rigFor(ports, certificate), { ...plan, cells })
    expect(samples.map(({ target }) => target)).toEqual(['sallyport'])
    expect(await shedCount(ports.admin)).toBe(0)
  })

  it('throw out a gateway that turns connections away', async () => {
    const { certificate, ports } = await startGatewayThatTakes(2)
    await expect(measureHandshakes(rigFor(ports, certificate), { ...plan, cells })).rejects.toThrow(
      /sallyport, tls-1\.3-p256-full: \d+ connections were turned away/,
    )
  })

  it('do not take silence about it for a no', async () => {
    const { port } = await startHttpServer((_, response) => response.end('# nothing\n'))
    await expect(shedCount(port)).rejects.toThrow('does not say')
  })
})
