import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGateway, type GatewayListenerOptions } from '../../src/gateway/index.ts'
import { createMetrics, silentLog } from '../../src/observability/index.ts'
import { loadValid, makePair } from '../config/config-file.ts'
import { madeHello, serverNames } from '../listener/passthrough/hellos.ts'
import { openTls, received, startBehind } from '../listener/passthrough/start-passthrough.ts'
import { gatewayOptions } from '../support/gateway.ts'
import { testAuthority } from '../support/pki.ts'
import { rawHttp } from '../support/raw-http.ts'
import { deadPort, until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startFromConfig } from './start-from-config.ts'

describe('a gateway with passthrough', () => {
  it('passes some names on and serves the others itself, on one port', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ subjectAltName: 'DNS:a.example' })
    const behind = await startBehind({ leaf, onConnection: (socket) => socket.end('behind') })
    const folder = temporaryFolder()
    makePair(folder, 'own')
    const ownPort = await deadPort()
    const { gateway, ports } = await startFromConfig(
      `listeners:
  - listen: "127.0.0.1:0"
    passthrough:
      - {server_names: [a.example], to: "127.0.0.1:${behind.port}"}
      - {server_names: ["*"], to: "127.0.0.1:${ownPort}"}
  - listen: "127.0.0.1:${ownPort}"
    tls: {cert_file: own.crt, key_file: own.key}
servers: {one: {endpoints: [{url: "http://127.0.0.1:9/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
`,
      folder,
    )
    const [port = 0] = ports
    expect(gateway.addresses.map(({ url }) => url)).toEqual([
      `tls://127.0.0.1:${port}`,
      `https://127.0.0.1:${ownPort}`,
    ])
    const socket = await openTls(port, { servername: 'a.example', ca: authority.cert })
    expect(await received(socket)).toBe('behind')
    const health = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const tls = { servername: 'localhost', rejectUnauthorized: false }
    expect((await rawHttp({ port, tls }, health))?.status).toBe(200)
  })

  it('needs no folder for sessions where nothing speaks HTTP, and stops within its drain timeout', async () => {
    const authority = testAuthority()
    const behind = await startBehind({ leaf: authority.issue() })
    const target = `{server_names: [localhost], to: "127.0.0.1:${behind.port}"}`
    const { options } = loadValid(
      `state_dir: /proc/nothing\ndrain_timeout: 200ms\nlisteners: [{listen: "127.0.0.1:0", passthrough: [${target}]}]\n`,
    )
    const gateway = await startGateway(options, { log: silentLog })
    onTestFinished(() => gateway.stopNow())
    const port = Number(new URL(gateway.addresses[0]?.url ?? '').port)
    const socket = await openTls(port, { servername: 'localhost', ca: authority.cert })
    const closed = once(socket.resume(), 'close')
    const startedMs = performance.now()
    await gateway.stop()
    await closed
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThan(150)
    expect(tookMs).toBeLessThan(2_000)
  })

  it('cuts a loop that the configuration could not see', async () => {
    const port = await deadPort()
    const base = gatewayOptions({ servers: {} })
    const listener: GatewayListenerOptions = {
      ...(base.listeners[0] as GatewayListenerOptions),
      port,
      passthrough: [
        {
          serverNames: ['*'],
          host: '127.0.0.1',
          port,
          connectTimeoutMs: 1_000,
          idleTimeoutMs: 10_000,
        },
      ],
    }
    const metrics = createMetrics()
    const gateway = await startGateway(
      { ...base, listeners: [listener] },
      { log: silentLog, metrics },
    )
    onTestFinished(() => gateway.stopNow())
    const socket = connect({ port, host: '127.0.0.1' })
    onTestFinished(() => void socket.destroy())
    socket.write(madeHello(serverNames('a.example')))
    expect(await received(socket)).toBe('\x15\x03\x03\x00\x02\x02\x50')
    expect(await metrics.registry.metrics()).toContain(
      'sallyport_connections_shed_total{listener="127.0.0.1:0",reason="loop"} 1',
    )
    socket.destroy()
    await until(
      async () => (await metrics.connections.get()).values[0]?.value === 0,
      'the end of both',
    )
  })
})
