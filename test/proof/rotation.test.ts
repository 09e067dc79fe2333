// Certificates replaced under load, a hundred times: no call fails, no stream ends, and whoever comes anew sees the new
// certificate at once.
import { X509Certificate } from 'node:crypto'
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import {
  gapsOf,
  openStreams,
  startCalls,
  startTickingServer,
  startTickingTlsServer,
  type OpenStream,
  type Target,
} from './steady-load.ts'

const REPLACEMENTS = 100
const CALLS_PER_SECOND = 1_000
/** The clock is looked at a moment before and after the calls begin and end. */
const CLOCK_TOLERANCE_CALLS = 20
/**
 * Answered per second, from the first call to the last answer. The rest to 1 000 is what may be caught up with at the end. Where
 * other programs have taken the whole machine, catching up may take as long as the run did.
 */
const LEAST_PER_SECOND = { withRoom: 950, withoutRoom: 500 }
/** Idle processor time that shows that there was room. The whole proof takes about a quarter of two processors. */
const ROOM = 0.1
const CONNECTIONS = 16
const STREAM_PAIRS = 8
const MAX_DELAY_MS = 2_000

/** Between the halves of a pair, so that one of them is seen without the other. */
const HALF_WAY_MS = 120

/** The ways in which files are replaced; each of them leaves `tls.crt` and `tls.key` in the folder. */
const WAYS: readonly ((folder: string, leaf: TestLeaf) => Promise<void>)[] = [
  async function writeInPlace(folder, { key, cert }) {
    writeFileSync(join(folder, 'tls.key'), key)
    await pause(HALF_WAY_MS)
    writeFileSync(join(folder, 'tls.crt'), cert)
  },
  async function renameOver(folder, { key, cert }) {
    const write = (name: string, text: string): void => {
      writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 })
      renameSync(join(folder, `${name}.new`), join(folder, name))
    }
    write('tls.crt', cert)
    await pause(HALF_WAY_MS)
    write('tls.key', key)
  },
  async function swapLink(folder, { key, cert }) {
    // As in a volume of Kubernetes: both names lead through ..data, which is replaced in one go.
    const publish = (version: string, ofKey: string, ofCert: string): void => {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'tls.key'), ofKey, { mode: 0o600 })
      writeFileSync(join(folder, version, 'tls.crt'), ofCert)
      linkOver(join(folder, '..data'), version)
    }
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
    const version = `..${performance.now()}`
    if (!lstatSync(join(folder, 'tls.crt')).isSymbolicLink()) {
      publish(`${version}-same`, read('tls.key'), read('tls.crt'))
      for (const name of ['tls.key', 'tls.crt']) linkOver(join(folder, name), `..data/${name}`)
    }
    publish(version, key, cert)
  },
]

function linkOver(link: string, target: string): void {
  symlinkSync(target, `${link}.new`)
  renameSync(`${link}.new`, link)
}

/** The serial number of the certificate that a new connection gets to see. */
async function serialAt({ port, ca }: Target): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca })
  try {
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject)
    })
    return socket.getPeerX509Certificate()?.serialNumber ?? ''
  } finally {
    socket.destroy()
  }
}

async function msUntil(isTrue: () => Promise<boolean>): Promise<number> {
  const startedMs = performance.now()
  while (!(await isTrue())) {
    if (performance.now() - startedMs > MAX_DELAY_MS) return Infinity
    await pause(20)
  }
  return performance.now() - startedMs
}

/** Share of the machine's processor time that nobody took, between the two calls. */
function idleShareSince(): () => number {
  const times = (): { readonly idle: number; readonly all: number } => {
    const ofEach = cpus().map((core) => core.times)
    const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
    return {
      idle: sum(ofEach.map(({ idle }) => idle)),
      all: sum(ofEach.flatMap((each) => Object.values(each))),
    }
  }
  const before = times()
  return () => {
    const now = times()
    return (now.idle - before.idle) / (now.all - before.all)
  }
}

/** Calls and streams that go on until `finish`, which says whether all of them came through. */
async function startLoad(gateway: GatewayProcess, ca: string) {
  const target = { port: Number(new URL(gateway.url).port), path: '/mcp', ca }
  const streams: OpenStream[] = []
  for (let pair = 0; pair < STREAM_PAIRS; pair++) streams.push(...(await openStreams(target)))
  const calls = startCalls(target, { perSecond: CALLS_PER_SECOND, connections: CONNECTIONS })
  const startedMs = performance.now()
  const machine = idleShareSince()
  const finish = async (): Promise<void> => {
    const lastEvent = Math.max(...streams.flatMap(({ events }) => events))
    await msUntil(async () => streams.every(({ events }) => (events.at(-1) ?? 0) > lastEvent))
    const seconds = (performance.now() - startedMs) / 1_000
    await calls.stop()
    const secondsToLastAnswer = (performance.now() - startedMs) / 1_000
    expect(calls.failures).toEqual([])
    const asked = seconds * CALLS_PER_SECOND
    expect(Math.abs(calls.sent() - asked)).toBeLessThan(CLOCK_TOLERANCE_CALLS)
    expect(calls.answered()).toBe(calls.sent())
    const { withRoom, withoutRoom } = LEAST_PER_SECOND
    const least = machine() > ROOM ? withRoom : withoutRoom
    expect(calls.answered() / secondsToLastAnswer).toBeGreaterThan(least)
    expect(calls.connections()).toEqual({ opened: expect.any(Number) as number, closed: 0 })
    expect(calls.connections().opened).toBeLessThanOrEqual(CONNECTIONS)
    for (const stream of streams) {
      const seen = { name: stream.name, ended: stream.ended(), gaps: gapsOf(stream) }
      expect(seen).toEqual({ name: stream.name, ended: undefined, gaps: [] })
      expect(stream.events.at(-1)).toBeGreaterThan(lastEvent)
      // Ten a second, on a machine that has other things to do.
      expect(stream.events.length).toBeGreaterThan(seconds * 5)
    }
  }
  return { target, finish }
}

/** A folder with a pair in it, as `tls.crt` and `tls.key`. */
function folderWithPair({ certFile, keyFile }: TestLeaf): string {
  const folder = temporaryFolder()
  copyFileSync(certFile, join(folder, 'tls.crt'))
  copyFileSync(keyFile, join(folder, 'tls.key'))
  return folder
}

const pairIn = (folder: string) => ({
  cert_file: join(folder, 'tls.crt'),
  key_file: join(folder, 'tls.key'),
})

const startGatewayWith = (tls: object, server: object): Promise<GatewayProcess> =>
  startGatewayProcess({
    listeners: [{ listen: '127.0.0.1:0', tls }],
    servers: { one: server },
    routes: [{ path: '/mcp', servers: ['one'] }],
    limits: { accept_rate: 1_000, accept_burst: 1_000 },
    log: { level: 'warn' },
  })

const reloads = (gateway: GatewayProcess, source: string, result: string): Promise<number> =>
  gateway.metric(`sallyport_tls_reloads_total{source="${source}",result="${result}"}`)

describe('certificates replaced a hundred times under load', () => {
  it('cost no call and no stream on a listener, and new connections see the new one', async () => {
    const authority = testAuthority()
    const leaves = Array.from({ length: 5 }, () => authority.issue())
    const folder = folderWithPair(leaves[0] as TestLeaf)
    const server = await startTickingServer()
    const gateway = await startGatewayWith(pairIn(folder), { endpoints: [{ url: server.url }] })
    const { target, finish } = await startLoad(gateway, authority.cert)

    const delaysMs: number[] = []
    for (let count = 1; count <= REPLACEMENTS; count++) {
      const leaf = leaves[count % leaves.length] as TestLeaf
      const serial = serialOf(leaf)
      await WAYS[count % WAYS.length]?.(folder, leaf)
      delaysMs.push(await msUntil(async () => (await serialAt(target)) === serial))
      await pause(50)
    }
    await finish()
    expect(Math.max(...delaysMs)).toBeLessThan(MAX_DELAY_MS)
    const source = 'listener 127.0.0.1:0'
    expect(await reloads(gateway, source, 'changed')).toBeGreaterThanOrEqual(REPLACEMENTS)
    // Halves of a pair were seen, and waited for.
    expect(await reloads(gateway, source, 'failed')).toBe(0)
  })

  it('cost no call and no stream towards a server, its authority replaced as well', async () => {
    const [front, clients] = [testAuthority(), testAuthority('Clients CA')]
    const owners = [testAuthority('Servers CA 1'), testAuthority('Servers CA 2')] as const
    const leaves = Array.from({ length: 5 }, () => clients.issue({ purpose: 'clientAuth' }))
    const folder = folderWithPair(leaves[0] as TestLeaf)
    const caFile = join(folder, 'ca.crt')
    writeFileSync(caFile, owners[0].cert)
    const server = await startTickingTlsServer(owners[0].issue(), clients.cert)
    const gateway = await startGatewayWith(pairIn(folderWithPair(front.issue())), {
      endpoints: [{ url: server.url }],
      tls: { ca_cert: caFile, ...pairIn(folder) },
    })
    const { finish } = await startLoad(gateway, front.cert)

    const delaysMs: number[] = []
    for (let count = 1; count <= REPLACEMENTS; count++) {
      const leaf = leaves[count % leaves.length] as TestLeaf
      const serial = serialOf(leaf)
      // Both authorities are trusted before the server changes, and the new one alone afterwards.
      const next = owners[(count / 20) % 2]
      if (next !== undefined) writeFileSync(caFile, owners.map(({ cert }) => cert).join(''))
      await WAYS[count % WAYS.length]?.(folder, leaf)
      delaysMs.push(await msUntil(async () => server.lastClientSerial() === serial))
      if (next === undefined) continue
      // Connections are accepted in their order: with that one there, none that trusts the old one alone is to come.
      server.serveWith(next.issue())
      writeFileSync(caFile, next.cert)
    }
    await finish()
    expect(Math.max(...delaysMs)).toBeLessThan(MAX_DELAY_MS)
    expect(await reloads(gateway, 'server one', 'changed')).toBeGreaterThanOrEqual(REPLACEMENTS)
    expect(await reloads(gateway, 'server one', 'failed')).toBe(0)
  })
})

function serialOf({ cert }: TestLeaf): string {
  return new X509Certificate(cert).serialNumber
}
