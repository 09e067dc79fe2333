// Connections to an endpoint, with TLS or without: the one way for calls, event streams and probes, so that none of them
// verifies less than another. What is verified is the TLS room's business.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { errors } from 'undici'
import type { Clock, Timer } from '../../core/index.ts'
import type { ClientHandshake, ClientTls, PeerAddress } from '../../tls/index.ts'

export interface ConnectorOptions {
  readonly timeoutMs: number
  /** Undefined: plain HTTP. */
  readonly tls: ClientTls | undefined
  /** Offer HTTP/2 beside HTTP/1.1. */
  readonly http2: boolean
  readonly clock: Clock
}

type OnConnected = (...result: [Error, null] | [null, Socket]) => void

/** Connects to an address. `onConnected` is called once, with a socket that may be written to or with why there is none. */
export type Connector = (address: PeerAddress, onConnected: OnConnected) => void

const KEEP_ALIVE_DELAY_MS = 60_000
/** How long a server's verdict is waited for; one that is further away gets as long as the handshake took. */
const MIN_VERDICT_MS = 250

export function createConnector(options: ConnectorOptions): Connector {
  const { tls } = options
  if (tls !== undefined) return tlsConnector(options, tls)
  return (address, onConnected) => {
    const socket = connectTcp(address)
    const connecting = new Connecting(socket, options, onConnected)
    socket.once('connect', () => connecting.succeed())
  }
}

/** A connection until it is handed over. Ends exactly once. */
class Connecting {
  readonly #socket: Socket
  readonly #onConnected: OnConnected
  readonly #timer: Timer
  #isOver = false

  constructor(
    socket: Socket,
    { timeoutMs, clock }: Pick<ConnectorOptions, 'timeoutMs' | 'clock'>,
    onConnected: OnConnected,
  ) {
    this.#socket = socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    this.#onConnected = onConnected
    this.#timer = clock.after(timeoutMs, () => {
      this.fail(new errors.ConnectTimeoutError(`no connection within ${timeoutMs} ms`))
    })
    // Stays for the socket's life: an error between two owners must not end the process.
    socket.on('error', (error) => this.fail(error))
    socket.once('close', () => this.fail(new errors.SocketError('closed while connecting')))
  }

  succeed(): void {
    if (this.#end()) this.#onConnected(null, this.#socket)
  }

  fail(error: Error): void {
    if (!this.#end()) return
    this.#socket.destroy()
    this.#onConnected(error, null)
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#timer.cancel()
    return true
  }
}

function tlsConnector(options: ConnectorOptions, tls: ClientTls): Connector {
  const { http2, clock } = options
  const protocols = http2 ? ['h2', 'http/1.1'] : ['http/1.1']
  // Until a connection shows that it does not.
  let givesVerdict = true
  return (address, onConnected) => {
    const startedMs = clock.monotonicMs()
    const handshake = tls.beginHandshake(address)
    const socket = connectTls({ ...handshake.options, ...address, ALPNProtocols: protocols })
    const connecting = new Connecting(socket, options, (error, connected) => {
      if (error === null) onConnected(null, connected)
      else onConnected(tls.explain(error, address) ?? error, null)
    })
    socket.once('secureConnect', () => {
      const problem = handshake.check(socket)
      if (problem !== undefined) connecting.fail(problem)
      else if (!givesVerdict || !awaitsVerdict(socket)) connecting.succeed()
      else {
        const waitMs = Math.max(MIN_VERDICT_MS, clock.monotonicMs() - startedMs)
        onVerdict(socket, { clock, waitMs, connecting, handshake }, () => (givesVerdict = false))
      }
    })
  }
}

/**
 * In TLS 1.3 the client is through with the handshake before the server has seen its certificate. A request sent now
 * would be lost with the connection if the server wants one and does not get it, and nobody could say whether it had run.
 * Up to TLS 1.2, and with a resumed session, the server has decided by now.
 */
function awaitsVerdict(socket: TLSSocket): boolean {
  return socket.getProtocol() === 'TLSv1.3' && !socket.isSessionReused()
}

interface Verdict {
  readonly clock: Clock
  readonly waitMs: number
  readonly connecting: Connecting
  readonly handshake: ClientHandshake
}

/** A server that is content sends session tickets (RFC 8446 §4.6.1), nearly always; one that is not sends an alert. */
function onVerdict(socket: TLSSocket, wait: Verdict, onSilence: () => void): void {
  const { clock, waitMs, connecting, handshake } = wait
  const timer = clock.after(waitMs, () => {
    onSilence()
    connecting.succeed()
  })
  socket.once('session', () => {
    timer.cancel()
    // Node tells of the ticket from within its reading of the socket, where a write would not be followed by more reading.
    setImmediate(() => connecting.succeed())
  })
  // Some servers close without an alert.
  socket.once('end', () => connecting.fail(handshake.closedEarly()))
  socket.once('close', () => timer.cancel())
}
