// Opens connections to one target, some at a time, and measures what their handshakes cost it. Each is closed in good order
// before it counts, so the target has done its half; one that is not what it was to be ends the run with an error.
import { connect as connectTcp, type Socket } from 'node:net'
import {
  connect as connectTls,
  createSecureContext,
  type ConnectionOptions,
  type TLSSocket,
} from 'node:tls'
import {
  expectedAgreement,
  faultOf,
  groupsOf,
  protocolOf,
  suiteOf,
  type Agreement,
  type Handshake,
} from '../tls/handshake.ts'
import { Ledger, measure, type LoadResult, type Period } from './measure.ts'

export interface HandshakeOrder extends Period {
  readonly port: number
  /** PEM of the only certificate to trust. */
  readonly ca: string
  /** Undefined: connections without TLS, for what accepting and closing cost. */
  readonly handshake: Handshake | undefined
  /** Connections at a time. */
  readonly inFlight: number
}

/** A connection from its first packet to its last; resolves with the newest ticket. */
type Visit = (ticket: Buffer | undefined) => Promise<Buffer | undefined>

const VISIT_TIMEOUT_MS = 10_000
const HOST = '127.0.0.1'

/** @throws Error at the first connection that is not what it was to be. */
export async function runHandshakes(order: HandshakeOrder): Promise<LoadResult> {
  const ledger = new Ledger()
  const open = new Set<Socket>()
  const visit = order.handshake === undefined ? plainVisits(order, open) : tlsVisits(order, open)
  try {
    const tickets = await firstTickets(order, visit)
    for (const ticket of tickets) {
      void keepVisiting(visit, ticket, ledger).catch((error: Error) => ledger.fail(error))
    }
    return await measure(order, ledger)
  } finally {
    for (const socket of open) socket.destroy()
  }
}

/** For each of those in flight one; undefined, where nobody is to resume. */
function firstTickets(
  { handshake, inFlight }: HandshakeOrder,
  visit: Visit,
): Promise<(Buffer | undefined)[]> {
  const first = async (): Promise<Buffer | undefined> =>
    handshake?.isResumed ? await visit(undefined) : undefined
  return Promise.all(Array.from({ length: inFlight }, first))
}

/** One connection after the other. Whoever begins with a ticket resumes each time, with what the time before brought. */
async function keepVisiting(
  visit: Visit,
  first: Buffer | undefined,
  ledger: Ledger,
): Promise<void> {
  let ticket = first
  let goesOn = true
  ledger.enter()
  while (goesOn) {
    const startedMs = performance.now()
    const newest = await visit(ticket)
    if (first !== undefined) ticket = newest
    goesOn = ledger.count(performance.now() - startedMs)
  }
}

function plainVisits({ port }: HandshakeOrder, open: Set<Socket>): Visit {
  return async () => {
    const socket = connectTcp({ host: HOST, port })
    let isDone = false
    socket.once('connect', () => {
      isDone = true
      socket.end()
    })
    await closed(socket, open, () => isDone)
    return undefined
  }
}

function tlsVisits({ port, ca, handshake }: HandshakeOrder, open: Set<Socket>): Visit {
  if (handshake === undefined) throw new Error('a visit over TLS without a handshake')
  const options: ConnectionOptions = {
    host: HOST,
    port,
    // Clients send a name, and finding the certificate for it is part of the price.
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
    secureContext: createSecureContext({
      ca,
      minVersion: protocolOf(handshake),
      maxVersion: protocolOf(handshake),
      ciphers: suiteOf(handshake).openssl,
      ecdhCurve: groupsOf(handshake),
    }),
  }
  return async (ticket) => {
    const socket = connectTls({ ...options, ...(ticket && { session: ticket }) })
    const shaken = new Shaken(socket, handshake, ticket)
    await closed(socket, open, () => shaken.isDone)
    return shaken.newestTicket
  }
}

/** Watches a handshake and, when both ends are done with it, looks at what they agreed on and closes the connection. */
class Shaken {
  isDone = false
  newestTicket: Buffer | undefined
  readonly #socket: TLSSocket
  readonly #handshake: Handshake
  readonly #isResumed: boolean
  #isSecure = false
  #hasNewTicket = false

  constructor(socket: TLSSocket, handshake: Handshake, ticket: Buffer | undefined) {
    this.#socket = socket
    this.#handshake = handshake
    this.#isResumed = ticket !== undefined
    this.newestTicket = ticket
    socket.on('session', (session: Buffer) => {
      this.newestTicket = session
      this.#hasNewTicket = true
      this.#look()
    })
    socket.once('secureConnect', () => {
      this.#isSecure = true
      this.#look()
    })
  }

  #look(): void {
    // In TLS 1.3 tickets come after the handshake (RFC 8446 §4.6.1); to whoever brings one, not every server gives another.
    const isWaiting = this.#handshake.version === '1.3' && !this.#isResumed && !this.#hasNewTicket
    if (this.isDone || !this.#isSecure || isWaiting || this.#socket.destroyed) return
    const expected = expectedAgreement(this.#handshake, this.#isResumed)
    const fault = faultOf(expected, agreementOf(this.#socket))
    if (fault !== undefined) {
      this.#socket.destroy(new Error(`a handshake ${fault}`))
      return
    }
    this.isDone = true
    this.#socket.end()
  }
}

function agreementOf(socket: TLSSocket): Agreement {
  const exchange = socket.getEphemeralKeyInfo() as { readonly name?: string } | null
  return {
    protocol: socket.getProtocol(),
    suite: socket.getCipher().standardName,
    group: exchange?.name,
    isResumed: socket.isSessionReused(),
  }
}

/** Resolves when both sides have closed the connection, provided that this side had done what it came for. */
async function closed(socket: Socket, open: Set<Socket>, isDone: () => boolean): Promise<void> {
  open.add(socket)
  socket.setTimeout(VISIT_TIMEOUT_MS, () => socket.destroy(new Error('no handshake in time')))
  socket.resume()
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('close', () => {
        if (isDone()) resolve()
        else reject(new Error('the target closed the connection'))
      })
    })
  } finally {
    open.delete(socket)
  }
}
