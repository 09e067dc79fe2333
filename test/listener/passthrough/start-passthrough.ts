// A listener that passes on, on a free port, and TLS servers to be behind it; they end with the test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Socket,
} from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, createServer, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../src/core/index.ts'
import {
  createPassthroughListener,
  OwnConnections,
  type Listener,
} from '../../../src/listener/index.ts'
import type { PassthroughTarget } from '../../../src/listener/options.ts'
import {
  createMetrics,
  silentLog,
  type Log,
  type LogFields,
} from '../../../src/observability/index.ts'
import type { TestLeaf } from '../../support/pki.ts'
import { LIMITS } from '../start-listener.ts'
import { madeHello, serverNames } from './hellos.ts'

export interface TestPassthroughOptions {
  readonly targets: readonly (Pick<PassthroughTarget, 'serverNames' | 'port'> &
    Partial<PassthroughTarget>)[]
  readonly limits?: Partial<typeof LIMITS>
  readonly log?: Log
  readonly ownConnections?: OwnConnections
  readonly hasAccessLog?: boolean
}

export interface TestPassthrough {
  readonly listener: Listener
  readonly port: number
  readonly cuts: (reason: string) => Promise<number>
  readonly connections: () => Promise<number>
}

const sum = (samples: readonly { readonly value: number }[]): number =>
  samples.reduce((total, { value }) => total + value, 0)

export async function startPassthrough(options: TestPassthroughOptions): Promise<TestPassthrough> {
  const metrics = createMetrics()
  const listener = createPassthroughListener(
    {
      name: 'test',
      host: '127.0.0.1',
      port: 0,
      targets: options.targets.map((target) => ({
        host: '127.0.0.1',
        connectTimeoutMs: 5_000,
        idleTimeoutMs: 60_000,
        ...target,
      })),
      limits: { ...LIMITS, ...options.limits },
    },
    {
      log: options.log ?? silentLog,
      metrics,
      clock: systemClock,
      ownConnections: options.ownConnections ?? new OwnConnections(),
      hasAccessLog: options.hasAccessLog ?? false,
    },
  )
  onTestFinished(() => listener.stop(0))
  await listener.start()
  return {
    listener,
    port: listener.address.port,
    cuts: async (reason) => {
      const { values } = await metrics.connectionsShed.get()
      return sum(values.filter(({ labels }) => labels.reason === reason))
    },
    connections: async () => sum((await metrics.connections.get()).values),
  }
}

export interface BehindOptions {
  readonly leaf: TestLeaf
  /** Asks clients for a certificate of this authority. */
  readonly clientCa?: string
  /** Default: says who the client is and echoes what it sends. */
  readonly onConnection?: (socket: TLSSocket) => void
}

/** A TLS server to be behind the listener. */
export async function startBehind(options: BehindOptions): Promise<{ readonly port: number }> {
  const { leaf, clientCa, onConnection = greet } = options
  const server = createServer({
    cert: leaf.cert,
    key: leaf.key,
    allowHalfOpen: true,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port }
}

function greet(socket: TLSSocket): void {
  const { subject } = socket.getPeerCertificate()
  socket.write(`hello ${String(subject?.CN ?? 'nobody')}\n`)
  socket.pipe(socket)
}

/** A TCP server that hands every connection to the test. */
export async function startTcp(
  onConnection: (socket: Socket) => void,
): Promise<{ readonly port: number }> {
  const server = createTcpServer({ allowHalfOpen: true })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port }
}

const DEAF = `const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port))`

/** A port whose connections are never accepted: its process is stopped and its queue full, so the kernel drops the rest. */
export async function startDeaf(): Promise<number> {
  const child = spawn(process.execPath, ['-e', DEAF], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  for (let count = 0; count < 4; count += 1) {
    const filler = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {})
    onTestFinished(() => void filler.destroy())
    await Promise.race([once(filler, 'connect'), delay(100)])
  }
  return port
}

/** A TLS client; resolves after the handshake, rejects with its failure. */
export async function openTls(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  onTestFinished(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
  socket.on('error', () => {})
  return socket
}

/** Everything received so far and from now on, once it satisfies the predicate; what there was when the peer ended. */
export function received(
  socket: Socket,
  isEnough: (text: string) => boolean = () => false,
): Promise<string> {
  let text = ''
  return new Promise((resolve) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      if (isEnough(text)) resolve(text)
    })
    socket.once('end', () => resolve(text))
    socket.once('close', () => resolve(text))
  })
}

/** A first message for a.example. */
export const HELLO = madeHello(serverNames('a.example'))

/** A fatal alert as it is sent. */
export const alert = (description: number): string =>
  Buffer.from([21, 3, 3, 0, 2, 2, description]).toString('latin1')

export async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** A line as it was logged; `debug` is left out. */
export type Line = [level: string, fields: object, message: string]

export function logTo(lines: Line[]): Log {
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void =>
      void lines.push([level, fields, message])
  const log: Log = {
    ...silentLog,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => log,
    isEnabled: (level) => level !== 'debug',
  }
  return log
}
