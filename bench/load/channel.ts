// One connection's worth of calls, one at a time, over HTTP/1.1 on a bare socket. Light, so that the target's core and not
// the generator's is the busy one.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { ID_OFFSET, PROTOCOL_VERSION, writeId, type CallScript } from '../call.ts'
import { AnswerReader, type HttpAnswer } from './answer-reader.ts'

/** Where the calls go. */
export interface Destination {
  readonly protocol: 'http' | 'https' | 'http2'
  readonly port: number
  /** PEM of the only certificate to trust, for the two with TLS. */
  readonly ca: string
  /** The same, made once for many connections. */
  readonly trust?: SecureContext
}

/** Carries one call at a time. Every answer and every failure goes to the listener it was opened with. */
export interface Channel {
  send(id: number): void
  close(): void
}

/** A channel that may fall silent. */
export interface SocketChannel extends Channel {
  /** Nothing is awaited until the next call: the connection may be silent for as long as it likes. */
  rest(): void
}

export interface ChannelListener {
  onAnswer(answer: HttpAnswer): void
  onFailure(error: Error): void
}

/** An answer that takes longer is a failure. */
const ANSWER_TIMEOUT_MS = 10_000

export async function openSocketChannel(
  destination: Destination,
  script: CallScript,
  listener: ChannelListener,
): Promise<SocketChannel> {
  const wire = await SocketWire.open(destination, script.maxAnswerBytes)
  try {
    const authority = `127.0.0.1:${destination.port}`
    const sessionId =
      script.era === 'legacy' ? await initialize(wire, authority, script.path) : undefined
    const head = Buffer.from(script.head({ authority, sessionId }))
    const bytes = Buffer.concat([head, script.body])
    wire.listener = listener
    return {
      send: (id) => {
        // The answer to the call before has come, so its bytes have left and may be overwritten.
        writeId(bytes, head.length + ID_OFFSET, id)
        wire.write(bytes)
      },
      rest: () => wire.rest(),
      close: () => wire.close(),
    }
  } catch (thrown) {
    wire.close()
    throw thrown
  }
}

/** The legacy handshake (MCP 2025-11-25 lifecycle §Initialization); returns the session's id. */
async function initialize(wire: SocketWire, authority: string, path: string): Promise<string> {
  const to = { authority, path }
  const params = {
    protocolVersion: PROTOCOL_VERSION.legacy,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1.0.0' },
  }
  const opened = await wire.exchange(
    message(to, [], { jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  )
  const sessionId = /\r\nmcp-session-id: *(\S+)\r\n/i.exec(opened.head)?.[1]
  if (opened.status !== 200 || sessionId === undefined) {
    throw new Error(`initialize was answered with ${opened.status} and no session`)
  }
  const fields = [
    `Mcp-Session-Id: ${sessionId}`,
    `MCP-Protocol-Version: ${PROTOCOL_VERSION.legacy}`,
  ]
  const accepted = await wire.exchange(
    message(to, fields, { jsonrpc: '2.0', method: 'notifications/initialized' }),
  )
  if (accepted.status !== 202) throw new Error(`initialized was answered with ${accepted.status}`)
  return sessionId
}

function message(
  { authority, path }: { readonly authority: string; readonly path: string },
  fields: readonly string[],
  content: unknown,
): Buffer {
  const body = JSON.stringify(content)
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${authority}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    ...fields,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

class SocketWire {
  listener: ChannelListener | undefined
  readonly #socket: Socket
  readonly #reader: AnswerReader
  #closed = false

  private constructor(socket: Socket, maxBodyBytes: number) {
    this.#socket = socket
    this.#reader = new AnswerReader(maxBodyBytes)
    socket.setNoDelay(true)
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => this.#fail(new Error('no answer in time')))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the target closed the connection')))
  }

  static async open(
    { protocol, port, ca, trust }: Destination,
    maxBodyBytes: number,
  ): Promise<SocketWire> {
    const address = { host: '127.0.0.1', port }
    const trusted = trust === undefined ? { ca } : { secureContext: trust }
    const socket =
      protocol === 'http' ? connectTcp(address) : connectTls({ ...address, ...trusted })
    await new Promise<void>((resolve, reject) => {
      socket.once(protocol === 'http' ? 'connect' : 'secureConnect', resolve)
      socket.once('error', reject)
    })
    return new SocketWire(socket, maxBodyBytes)
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  exchange(bytes: Buffer): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.listener = { onAnswer: resolve, onFailure: reject }
      this.write(bytes)
    })
  }

  rest(): void {
    this.#socket.setTimeout(0)
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return
    try {
      const answer = this.#reader.push(chunk)
      if (answer !== undefined) this.listener?.onAnswer(answer)
    } catch (thrown) {
      this.#fail(thrown as Error)
    }
  }

  #fail(error: Error): void {
    if (this.#closed) return
    this.close()
    this.listener?.onFailure(error)
  }
}
