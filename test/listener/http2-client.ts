// Node's HTTP/2 client in few words, for tests.
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { onTestFinished } from 'vitest'
import type { TestListener } from './start-listener.ts'

export interface Http2Answer {
  /** 0 when the stream ended without an answer. */
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** Error code of the RST_STREAM frame that ended the stream, 0 for none. */
  readonly resetCode: number
}

/** Opens a connection; it ends with the test. */
export function openHttp2({ port, ca }: Pick<TestListener, 'port' | 'ca'>): ClientHttp2Session {
  const session = connect(`https://localhost:${port}`, { ca })
  // A session that the server ends in error is what some tests are about.
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  return session
}

/** Sends a request and collects its answer, whatever the end. Without a body the stream is ended at once. */
export function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Uint8Array,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return collect(stream)
}

export function collect(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  let body = ''
  stream.setEncoding('utf8')
  stream.on('response', (received) => (headers = received))
  stream.on('trailers', (received) => (trailers = received))
  stream.on('data', (chunk: string) => (body += chunk))
  // How it ended shows in the reset code.
  stream.on('error', () => {})
  return new Promise((resolve) => {
    stream.once('close', () => {
      const status = Number(headers[':status'] ?? 0)
      resolve({ status, headers, body, trailers, resetCode: stream.rstCode ?? 0 })
    })
  })
}
