// slowhttptest (Debian package of that name) against the gateway: its four attacks, each bounded in count and time. The
// gateway has to get rid of the attackers, keep its memory, and answer calls all the while.
import { spawn, spawnSync } from 'node:child_process'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { issueCert, type TestCertificate } from '../support/certificates.ts'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'

const MIB = 1_048_576
/** Of what a slow reader asks for. A hundred of these in memory would show. */
const LARGE_BYTES = 8 * MIB
/** What handshakes, parsers and buffers of some hundred connections take for a while; all answers in memory were 800 MiB. */
const MAX_GROWTH_BYTES = 160 * MIB
/** Kept-alive connections to the admin listener and to the server behind. */
const SPARE_DESCRIPTORS = 5
const ATTACK_SECONDS = 12
const CALL_PERIOD_MS = 100
const MAX_CALL_MS = 2_000

const hasTool = spawnSync('slowhttptest', ['-h']).error === undefined

/** Name, options, and a metric that shows by which budget the attackers were cut. */
const attacks = [
  [
    'slow headers (-H)',
    ['-H', '-c', '300', '-r', '150', '-i', '2', '-x', '24'],
    'sallyport_refusals_total{code="GW_REQUEST_TIMEOUT"}',
  ],
  [
    'slow bodies (-B)',
    ['-B', '-c', '200', '-r', '100', '-i', '2', '-s', '8192', '-x', '10', '-f', 'application/json'],
    'sallyport_refusals_total{code="GW_REQUEST_TIMEOUT"}',
  ],
  [
    'range headers (-R)',
    ['-R', '-c', '200', '-r', '100', '-a', '10', '-b', '3000'],
    'sallyport_refusals_total{code="GW_HEADERS_TOO_LARGE"}',
  ],
  [
    'slow reading (-X)',
    [
      '-X',
      '-c',
      '100',
      '-r',
      '50',
      '-w',
      '10',
      '-y',
      '20',
      '-n',
      '2',
      '-z',
      '10',
      '-k',
      '1',
      '-m',
      'text/event-stream',
    ],
    'sallyport_slow_readers_total{listener="127.0.0.1:0"}',
  ],
] as const

/** Answers calls at once, and GET with an event stream that is much too long. */
const startServer = () =>
  startHttpServer(async (incoming, response) => {
    if (incoming.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const event = Buffer.from(`data: ${'a'.repeat(65_520)}\n\n`)
      let sent = 0
      const push = (): void => {
        while (sent < LARGE_BYTES) {
          sent += event.length
          if (!response.write(event)) return
        }
        response.end()
      }
      response.on('drain', push)
      push()
      return
    }
    const { id } = await jsonOf(incoming)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { tools: [] } }))
  })

async function startGatewayBefore(url: string, { certFile, keyFile }: TestCertificate) {
  return startGatewayProcess({
    listeners: [{ listen: '127.0.0.1:0', tls: { cert_file: certFile, key_file: keyFile } }],
    servers: { one: { endpoints: [{ url }], max_streams: 200 } },
    routes: [{ path: '/mcp', servers: ['one'] }],
    limits: {
      header_timeout: '3s',
      request_timeout: '5s',
      slow_reader_timeout: '3s',
      // The budgets of a connection are to be seen at work, not the gate before them.
      accept_rate: 1_000,
      accept_burst: 1_000,
    },
    log: { level: 'error' },
  })
}

/** One call on a connection of its own. Resolves with its duration once it was answered as it should. */
async function callOnce(url: string, ca: Buffer): Promise<number> {
  const startedMs = performance.now()
  const { method, headers, body } = modernRequest('tools/list')
  const outgoing = request(url, { method, headers, ca, agent: false, servername: 'localhost' })
  outgoing.end(body)
  const answer = await new Promise<string>((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', (incoming) => void text(incoming).then(resolve, reject))
  })
  expect(JSON.parse(answer)).toMatchObject({ result: { tools: [] } })
  return performance.now() - startedMs
}

interface Observation {
  readonly callMs: readonly number[]
  readonly peakBytes: number
}

/** Calls and looks at the memory again and again until `isOver`. */
async function observe(
  gateway: GatewayProcess,
  ca: Buffer,
  isOver: () => boolean,
): Promise<Observation> {
  const callMs: number[] = []
  let peakBytes = 0
  while (!isOver()) {
    callMs.push(await callOnce(`${gateway.url}/mcp`, ca))
    peakBytes = Math.max(peakBytes, gateway.residentBytes())
    await new Promise((resolve) => setTimeout(resolve, CALL_PERIOD_MS))
  }
  return { callMs, peakBytes }
}

describe.skipIf(!hasTool)('under attack by slowhttptest', () => {
  it.each(attacks)(
    '%s: cuts the attackers, keeps its memory and answers calls',
    async (_, options, metric) => {
      const certificate = issueCert()
      const server = await startServer()
      const gateway = await startGatewayBefore(server.url, certificate)
      for (let warmUp = 0; warmUp < 100; warmUp += 1)
        await callOnce(`${gateway.url}/mcp`, certificate.ca)
      const before = { bytes: gateway.residentBytes(), descriptors: gateway.openDescriptors() }

      const url = ['-u', `${gateway.url}/mcp`]
      const attack = spawn(
        'slowhttptest',
        [...options, ...url, '-l', String(ATTACK_SECONDS), '-p', '2', '-v', '1'],
        { stdio: 'ignore' },
      )
      const { callMs, peakBytes } = await observe(
        gateway,
        certificate.ca,
        () => attack.exitCode !== null,
      )

      expect(callMs.length).toBeGreaterThan(10)
      expect(Math.max(...callMs)).toBeLessThan(MAX_CALL_MS)
      expect(peakBytes - before.bytes).toBeLessThan(MAX_GROWTH_BYTES)
      expect(await gateway.metric(metric)).toBeGreaterThan(0)
      await until(
        () => gateway.openDescriptors() <= before.descriptors + SPARE_DESCRIPTORS,
        'all connections to be closed',
        15_000,
      )
      expect(gateway.child.exitCode).toBeNull()
    },
  )
})
