// One request over a TLS connection with chosen properties, and what the handshake agreed on.
import { connect as connectHttp2 } from 'node:http2'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface TlsClientOptions extends ConnectionOptions {
  readonly port: number
  readonly version?: '1.2' | '1.3'
  readonly http2?: boolean
}

export interface TlsVisit {
  /** 0: the listener did not answer. */
  readonly status: number
  readonly body: string
  /** What the client’s TLS said. */
  readonly code: string | undefined
  readonly socket: TLSSocket
  readonly resumed: boolean
  /** What a later visit can begin with. */
  readonly session: Buffer | undefined
}

/** Opens a connection. Resolves when the client takes its handshake for done, which in TLS 1.3 is before the server does. */
export function openTls(options: TlsClientOptions): Promise<TLSSocket> {
  const { version, http2 = false, ...rest } = options
  const socket = connect({
    host: '127.0.0.1',
    servername: 'localhost',
    ALPNProtocols: http2 ? ['h2'] : ['http/1.1'],
    ...(version && { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` }),
    ...rest,
  })
  onTestFinished(() => void socket.destroy())
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
    // Whatever comes later shows in what is asked over it.
    socket.on('error', () => {})
  })
}

/** A GET of `/` on a connection of its own, closed afterwards. */
export async function visit(options: TlsClientOptions): Promise<TlsVisit> {
  let session: Buffer | undefined
  let code: string | undefined
  let socket: TLSSocket
  try {
    socket = await openTls(options)
  } catch (error) {
    code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return { status: 0, body: '', code, socket: {} as TLSSocket, resumed: false, session }
  }
  socket.on('session', (received: Buffer) => (session = received))
  socket.on('error', (error: NodeJS.ErrnoException) => (code ??= error.code))
  const resumed = socket.isSessionReused()
  if (socket.getProtocol() === 'TLSv1.2') session = socket.getSession()
  const { status, body } = await (options.http2 === true ? getHttp2(socket) : getHttp1(socket))
  socket.destroy()
  return { status, body, code, socket, resumed, session }
}

interface Answer {
  readonly status: number
  readonly body: string
}

const NO_ANSWER: Answer = { status: 0, body: '' }

/** Closes the connection. */
async function getHttp1(socket: TLSSocket): Promise<Answer> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await closed
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]
  return status === undefined ? NO_ANSWER : { status: Number(status), body }
}

function getHttp2(socket: TLSSocket): Promise<Answer> {
  const session = connectHttp2('https://localhost', { createConnection: () => socket })
  return new Promise((resolve) => {
    session.on('error', () => {})
    session.once('close', () => resolve(NO_ANSWER))
    const stream = session.request({ ':path': '/' })
    let status = 0
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', (headers) => (status = Number(headers[':status'])))
    stream.on('data', (chunk: string) => (body += chunk))
    stream.on('error', () => {})
    stream.once('close', () => {
      resolve({ status, body })
      session.close()
    })
  })
}
