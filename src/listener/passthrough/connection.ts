// One connection that is passed on: its first message is read for the server name, then it is tied to the target's server.
// It never holds a key and never sees what is said.
import { connect, type Socket } from 'node:net'
import { Wait, type Deadlines } from '../../core/index.ts'
import type { PassthroughTarget } from '../options.ts'
import type { CutReason, Lingering } from '../surroundings.ts'
import { ALERT, ClientHelloReader } from './client-hello.ts'
import type { OwnConnections } from './own-connections.ts'
import { relay } from './relay.ts'

/** Something whose time ran out. */
export interface Late {
  readonly onLate: () => void
}

/** The waits of a target's connections. */
export interface TargetWaits {
  readonly connecting: Deadlines<Late>
  readonly idle: Deadlines<Late>
}

/** What is told about a connection that was passed on, once it is over. */
export interface PassedOn {
  readonly remoteAddress: string
  readonly serverName: string | undefined
  readonly target: PassthroughTarget
  readonly startedMs: number
}

export interface PassthroughSurroundings {
  readonly targetOf: (serverName: string | undefined) => PassthroughTarget | undefined
  readonly waitsOf: (target: PassthroughTarget) => TargetWaits
  readonly hellos: Deadlines<Late>
  readonly lingering: Deadlines<Lingering>
  readonly ownConnections: OwnConnections
  readonly nowMs: () => number
  readonly onCut: (reason: CutReason, remoteAddress: string, error?: Error) => void
  readonly onUnreachable: (target: PassthroughTarget, error: Error) => void
  readonly onPassedOn: (passed: PassedOn) => void
}

export class PassthroughConnection {
  readonly #client: Socket
  readonly #remoteAddress: string
  readonly #surroundings: PassthroughSurroundings
  /** Gone with what it holds as soon as the bytes are passed on. */
  #reader: ClientHelloReader | undefined = new ClientHelloReader()
  readonly #startedMs: number
  readonly #hello = new Wait<Late>({ onLate: () => this.#cut('handshake_timeout') })
  #isPassedOn = false

  constructor(client: Socket, remoteAddress: string, surroundings: PassthroughSurroundings) {
    this.#client = client
    this.#remoteAddress = remoteAddress
    this.#surroundings = surroundings
    this.#startedMs = surroundings.nowMs()
    client.on('data', this.#onHelloData)
    client.once('end', this.#onHelloEnd)
    client.once('close', () => surroundings.hellos.unwatch(this.#hello))
    surroundings.hellos.watch(this.#hello)
  }

  /** Closes unless both sides are talking. */
  drain(): void {
    if (!this.#isPassedOn) this.#client.destroy()
  }

  readonly #onHelloData = (chunk: Buffer): void => {
    const reading = this.#reader?.push(chunk)
    if (reading === undefined || reading.kind === 'incomplete') return
    this.#client.off('data', this.#onHelloData)
    this.#client.off('end', this.#onHelloEnd)
    this.#surroundings.hellos.unwatch(this.#hello)
    if (reading.kind === 'hello') this.#route(reading.serverName)
    else this.#cut('handshake_failed', { alert: reading.alert, error: new Error(reading.reason) })
  }

  readonly #onHelloEnd = (): void => {
    // Load balancers look whether the port is open, and say nothing.
    if (this.#client.bytesRead > 0) this.#cut('handshake_failed')
    else this.#client.destroy()
  }

  #route(serverName: string | undefined): void {
    if (this.#surroundings.ownConnections.isOtherEnd(this.#client)) {
      this.#cut('loop', { alert: ALERT.internalError })
      return
    }
    const target = this.#surroundings.targetOf(serverName)
    if (target === undefined) {
      // RFC 6066 §3 and, where there is no name at all, RFC 8446 §9.2.
      const alert = serverName === undefined ? ALERT.missingExtension : ALERT.unrecognizedName
      this.#cut('unknown_name', { alert })
      return
    }
    this.#client.pause()
    this.#connect(target, serverName)
  }

  #connect(target: PassthroughTarget, serverName: string | undefined): void {
    const { waitsOf, ownConnections, onUnreachable } = this.#surroundings
    const client = this.#client
    const { connecting } = waitsOf(target)
    const { host, port } = target
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const late = new Wait<Late>({ onLate: () => server.destroy(new Error('connect timeout')) })
    const onClientClose = (): void => void server.destroy()
    const onFailed = (error: Error): void => {
      client.off('close', onClientClose)
      onUnreachable(target, error)
      this.#cut('unreachable', { alert: ALERT.internalError, error })
    }
    connecting.watch(late)
    client.once('close', onClientClose)
    server.once('error', onFailed)
    server.once('close', () => connecting.unwatch(late))
    server.once('connect', () => {
      connecting.unwatch(late)
      client.off('close', onClientClose)
      // What breaks from here on closes the socket as well, and that is where it is handled.
      server.off('error', onFailed).on('error', () => {})
      ownConnections.add(server)
      this.#passOn(server, target, serverName)
    })
  }

  #passOn(server: Socket, target: PassthroughTarget, serverName: string | undefined): void {
    const { waitsOf, onPassedOn } = this.#surroundings
    const client = this.#client
    this.#isPassedOn = true
    const { idle } = waitsOf(target)
    const silence = new Wait<Late>({
      onLate: () => {
        this.#surroundings.onCut('idle', this.#remoteAddress)
        client.destroy()
        server.destroy()
      },
    })
    idle.watch(silence)
    let openEnds = 2
    const onEndClosed = (): void => {
      openEnds -= 1
      if (openEnds > 0) return
      idle.unwatch(silence)
      const [remoteAddress, startedMs] = [this.#remoteAddress, this.#startedMs]
      onPassedOn({ remoteAddress, serverName, target, startedMs })
    }
    client.once('close', onEndClosed)
    server.once('close', onEndClosed)
    if (this.#reader !== undefined) server.write(this.#reader.received)
    this.#reader = undefined
    relay({ client, server, onActivity: () => idle.watch(silence) })
    client.resume()
  }

  /** Ends the connection, with a fatal alert where the client understands one. */
  #cut(
    reason: CutReason,
    { alert, error }: { readonly alert?: number | undefined; readonly error?: Error } = {},
  ): void {
    const { onCut, lingering } = this.#surroundings
    const client = this.#client
    onCut(reason, this.#remoteAddress, error)
    if (alert === undefined) {
      client.destroy()
      return
    }
    // Reading on for a while: to close with unread bytes would reset the connection and take the alert away.
    const wait = new Wait<Lingering>({ endLingering: () => client.destroy() })
    client.once('close', () => lingering.unwatch(wait))
    lingering.watch(wait)
    client.end(alertRecord(alert))
    client.resume()
  }
}

const ALERT_RECORD = 21
const FATAL = 2

/** RFC 8446 §5.1, §6: a fatal alert in a record of its own, not encrypted. */
function alertRecord(description: number): Buffer {
  return Buffer.from([ALERT_RECORD, 3, 3, 0, 2, FATAL, description])
}
