// A WebSocket client that writes its frames by hand, for what no library would send, and one that is a library.
import { WebSocket, type ClientOptions } from 'ws'
import { onTestFinished } from 'vitest'
import type { Exchange, WebSocketLink, WebSocketTerms } from '../../src/core/index.ts'
import { openRaw, type RawConnection, type RawTarget } from '../support/raw-http.ts'
import { startListener, type TestListener, type TestListenerOptions } from './start-listener.ts'

const MASK = Buffer.from([1, 2, 3, 4])
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** One frame with a payload of at most 65 535 bytes, masked as a client has to. */
export function frame(
  opcode: number,
  payload: string | Buffer,
  { fin = true, masked = true }: { readonly fin?: boolean; readonly masked?: boolean } = {},
): Buffer {
  const data = Buffer.from(payload)
  const maskBit = masked ? 0x80 : 0
  const length =
    data.length < 126
      ? Buffer.from([maskBit | data.length])
      : Buffer.from([maskBit | 126, data.length >> 8, data.length & 0xff])
  const body = masked ? data.map((byte, at) => byte ^ (MASK[at % 4] ?? 0)) : data
  return Buffer.concat([
    Buffer.from([(fin ? 0x80 : 0) | opcode]),
    length,
    ...(masked ? [MASK] : []),
    body,
  ])
}

export const UPGRADE_FIELDS: Readonly<Record<string, string>> = {
  host: 'localhost',
  connection: 'keep-alive, Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'mcp',
}

/** A request with the fields of an opening handshake, changed as told; undefined leaves one out. */
export function upgradeRequest(
  fields: Readonly<Record<string, string | undefined>> = {},
  line = 'GET /mcp HTTP/1.1',
): string {
  const lines = Object.entries({ ...UPGRADE_FIELDS, ...fields }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  )
  return [line, ...lines, '', ''].join('\r\n')
}

/** Opens a WebSocket by hand; what comes back after the 101 is in `until`. */
export async function openRawWebSocket(target: RawTarget): Promise<RawConnection> {
  const connection = await openRaw(target)
  connection.send(upgradeRequest())
  const answer = await connection.answer()
  if (answer?.status !== 101) throw new Error(`expected 101, got ${answer?.status}`)
  return connection
}

export interface Socketed {
  readonly received: string[]
  readonly drains: number[]
  readonly ends: string[]
  link: WebSocketLink | undefined
}

/** A listener that accepts every WebSocket with the subprotocol mcp. */
export async function startWebSocketListener(
  options: TestListenerOptions & {
    readonly terms?: Partial<WebSocketTerms>
    readonly onText?: (link: WebSocketLink, text: string) => void
  } = {},
): Promise<TestListener & Socketed> {
  const socketed: Socketed = { received: [], drains: [], ends: [], link: undefined }
  const accept = (exchange: Exchange): void => {
    socketed.link = exchange.webSocket?.accept({
      subprotocol: 'mcp',
      maxMessageBytes: 1_000_000,
      onMessage: (text) => {
        socketed.received.push(text.toString())
        if (socketed.link !== undefined) options.onText?.(socketed.link, text.toString())
      },
      onDrain: () => socketed.drains.push(1),
      ...options.terms,
    })
    exchange.answer.onClose((end) => socketed.ends.push(end))
  }
  const listener = await startListener({ webSocket: true, onExchange: accept, ...options })
  return Object.assign(socketed, listener)
}

export interface Client {
  readonly webSocket: WebSocket
  readonly received: string[]
  /** Code and reason of the close. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

/** Connects with a library. */
export async function connectWebSocket(
  { port, ca }: { readonly port: number; readonly ca: Buffer },
  options: ClientOptions = {},
): Promise<Client> {
  const isTls = ca.length > 0
  const url = isTls ? `wss://localhost:${port}/mcp` : `ws://localhost:${port}/mcp`
  const webSocket = new WebSocket(url, ['mcp'], {
    ...(isTls && { ca }),
    family: 4,
    ...options,
  })
  onTestFinished(() => webSocket.terminate())
  const received: string[] = []
  webSocket.on('message', (data: Buffer) => received.push(data.toString()))
  const closed: Client['closed'] = new Promise((resolve) => {
    webSocket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await new Promise<void>((resolve, reject) => {
    webSocket.once('open', resolve)
    webSocket.once('error', reject)
  })
  return { webSocket, received, closed }
}
