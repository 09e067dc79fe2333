// An HTTP/2 client that sends the frames it is told to and keeps no rule by itself: for what Node's client refuses to do.
import { connect, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import type { TestListener } from './start-listener.ts'

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export interface RawHttp2 {
  readonly socket: TLSSocket
  /** Sends one frame. */
  send(type: number, flags: number, stream: number, payload?: Uint8Array): void
  /** Resolves with the first frame that fits, also of those received already; undefined when the connection ends. */
  frame(isWanted: (frame: Frame) => boolean): Promise<Frame | undefined>
  readonly frames: readonly Frame[]
}

export interface RawHttp2Options {
  /** SETTINGS to begin with: identifier → value. */
  readonly settings?: Readonly<Record<number, number>>
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const FRAME_HEADER_BYTES = 9

/** Connects, sends the preface and settings, and acknowledges nothing. */
export async function openRawHttp2(
  { port, ca }: Pick<TestListener, 'port' | 'ca'>,
  { settings = {} }: RawHttp2Options = {},
): Promise<RawHttp2> {
  const socket = connect({ port, ca, servername: 'localhost', ALPNProtocols: ['h2'] })
  onTestFinished(() => void socket.destroy())
  // Resets are part of what is tested.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  const frames: Frame[] = []
  let wake = (): void => {}
  let unread = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk])
    for (let next = takeFrame(unread); next !== undefined; next = takeFrame(unread)) {
      frames.push(next)
      unread = unread.subarray(FRAME_HEADER_BYTES + next.payload.length)
    }
    wake()
  })
  socket.on('close', () => wake())
  const send: RawHttp2['send'] = (type, flags, stream, payload = Buffer.alloc(0)) => {
    const header = Buffer.alloc(FRAME_HEADER_BYTES)
    header.writeUIntBE(payload.length, 0, 3)
    header.writeUInt8(type, 3)
    header.writeUInt8(flags, 4)
    header.writeUInt32BE(stream, 5)
    socket.write(Buffer.concat([header, payload]))
  }
  socket.write(PREFACE)
  send(FRAME.settings, 0, 0, Buffer.concat(Object.entries(settings).map(encodeSetting)))
  return {
    socket,
    frames,
    send,
    frame: async (isWanted) => {
      for (;;) {
        const found = frames.find(isWanted)
        if (found !== undefined || socket.destroyed) return found
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

/** A header block without compression (RFC 7541 §6.2.2), in the order given. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) => Buffer.concat([Buffer.of(0), literal(name), literal(value)])),
  )
}

/** The pseudo-header fields of a request to /mcp. */
export const requestFields = (
  method: string,
  ...more: readonly (readonly [string, string])[]
): readonly (readonly [string, string])[] => [
  [':method', method],
  [':scheme', 'https'],
  [':path', '/mcp'],
  [':authority', 'localhost'],
  ...more,
]

function encodeSetting([id, value]: [string, number]): Buffer {
  const setting = Buffer.alloc(6)
  setting.writeUInt16BE(Number(id), 0)
  setting.writeUInt32BE(value, 2)
  return setting
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** A number with a prefix of seven bits (RFC 7541 §5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

function takeFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined
  const length = bytes.readUIntBE(0, 3)
  if (bytes.length < FRAME_HEADER_BYTES + length) return undefined
  return {
    type: bytes.readUInt8(3),
    flags: bytes.readUInt8(4),
    stream: bytes.readUInt32BE(5),
    payload: bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length),
  }
}
