// A client that sends exactly the bytes it is told to, over TCP or TLS, and shows exactly what came back.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface RawTarget {
  readonly port: number
  /** Undefined: plain TCP. */
  readonly tls?: ConnectionOptions
  /** Stops reading after the connection is made, as a client does that is slow on purpose. */
  readonly paused?: boolean
}

/** One answer, taken apart without judging it. */
export interface RawAnswer {
  readonly status: number
  /** Lower-case name → value of the last such field. */
  readonly headers: Readonly<Record<string, string>>
  /** Without chunk framing. */
  readonly body: string
}

export interface RawConnection {
  readonly socket: Socket
  send(bytes: string | Uint8Array): void
  /** The next whole answer; undefined when the connection ended before one. */
  answer(): Promise<RawAnswer | undefined>
  /** Everything received and not yet taken as an answer, once it satisfies the predicate or the connection ended. */
  until(isEnough: (received: string) => boolean): Promise<string>
  /** Resolves when the connection is closed, by whatever end and means. */
  readonly closed: Promise<void>
}

/** Opens a connection; it is destroyed when the test is over. */
export async function openRaw(target: RawTarget): Promise<RawConnection> {
  const { port, tls, paused = false } = target
  const socket =
    tls === undefined
      ? connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true })
      : connectTls({ port, host: '127.0.0.1', ...tls })
  onTestFinished(() => void socket.destroy())
  let received = ''
  let wake = (): void => {}
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      wake()
      resolve()
    })
  })
  // Resets are part of what is tested; they show as an end without an answer.
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  await new Promise<void>((resolve) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve())
    socket.once('close', () => resolve())
  })
  if (!paused) {
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      received += chunk
      wake()
    })
  }
  const until = async (isEnough: (bytes: string) => boolean): Promise<string> => {
    while (!isEnough(received) && !socket.closed) {
      await new Promise<void>((resolve) => (wake = resolve))
    }
    return received
  }
  return {
    socket,
    closed,
    until,
    send: (bytes) => {
      if (typeof bytes === 'string') socket.write(bytes, 'latin1')
      else socket.write(bytes)
    },
    answer: async () => {
      let taken: Taken | undefined
      await until((bytes) => (taken = takeAnswer(bytes, socket.closed)) !== undefined)
      taken ??= takeAnswer(received, true)
      if (taken !== undefined) received = received.slice(taken.length)
      return taken?.answer
    },
  }
}

/** Sends the bytes and returns the first answer; undefined when the connection ended without one. */
export async function rawHttp(
  target: RawTarget,
  bytes: string | Uint8Array,
): Promise<RawAnswer | undefined> {
  const connection = await openRaw(target)
  connection.send(bytes)
  const answer = await connection.answer()
  connection.socket.destroy()
  return answer
}

interface Taken {
  readonly answer: RawAnswer
  readonly length: number
}

/** The answer at the start of `bytes`; undefined while it is not whole. Interim answers (1xx) count as answers. */
function takeAnswer(bytes: string, isClosed: boolean): Taken | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...fields] = bytes.slice(0, headEnd).split('\r\n')
  const headers: Record<string, string> = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim()
  }
  const status = Number(statusLine.split(' ')[1])
  const start = headEnd + 4
  if (status < 200 || status === 204 || status === 304) {
    return { answer: { status, headers, body: '' }, length: start }
  }
  const content = takeContent(bytes.slice(start), headers, isClosed)
  if (content === undefined) return undefined
  return { answer: { status, headers, body: content.body }, length: start + content.length }
}

interface Content {
  readonly body: string
  readonly length: number
}

function takeContent(
  bytes: string,
  headers: Readonly<Record<string, string>>,
  isClosed: boolean,
): Content | undefined {
  if (headers['transfer-encoding'] === 'chunked') return takeChunks(bytes)
  const declared = headers['content-length']
  if (declared === undefined) return isClosed ? { body: bytes, length: bytes.length } : undefined
  const length = Number(declared)
  return bytes.length < length ? undefined : { body: bytes.slice(0, length), length }
}

function takeChunks(bytes: string): Content | undefined {
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16)
    const start = lineEnd + 2
    if (size === 0) {
      const end = bytes.indexOf('\r\n\r\n', lineEnd)
      return end === -1 ? undefined : { body, length: end + 4 }
    }
    if (bytes.length < start + size + 2) return undefined
    body += bytes.slice(start, start + size)
    at = start + size + 2
  }
}
