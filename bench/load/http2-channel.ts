// Calls over HTTP/2: several channels share one connection, each with one stream open at a time. Modern era only, since
// that is the only HTTP/2 row of the plan.
import { connect, type ClientHttp2Session } from 'node:http2'
import { ID_OFFSET, writeId, type CallScript } from '../call.ts'
import type { Channel, ChannelListener, Destination } from './channel.ts'

/** Streams per connection: a client library multiplexes, but not without end. */
const STREAMS_PER_CONNECTION = 8

/** Opens `count` channels; connections end with the last of their channels. */
export class Http2Connections {
  readonly #destination: Destination
  #session: ClientHttp2Session | undefined
  #places = 0

  constructor(destination: Destination) {
    this.#destination = destination
  }

  open(script: CallScript, listener: ChannelListener): Channel {
    if (script.era !== 'modern') throw new Error('HTTP/2 rows are of the modern era only')
    const session = this.#place()
    const headers = headersOf(script, this.#destination.port)
    const { body } = script
    let isClosed = false
    const fail = (error: Error): void => {
      if (!isClosed) listener.onFailure(error)
    }
    session.on('error', fail)
    session.on('close', () => fail(new Error('the target closed the connection')))
    return {
      send: (id) => {
        writeId(body, ID_OFFSET, id)
        const stream = session.request(headers)
        const chunks: Buffer[] = []
        let status = 0
        stream.on('response', (fields) => (status = fields[':status'] ?? 0))
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('error', fail)
        stream.on('end', () => {
          if (!isClosed) listener.onAnswer({ status, head: '', body: Buffer.concat(chunks) })
        })
        stream.end(body)
      },
      close: () => {
        isClosed = true
        session.destroy()
      },
    }
  }

  #place(): ClientHttp2Session {
    if (this.#session === undefined || this.#places === STREAMS_PER_CONNECTION) {
      const { port, ca } = this.#destination
      this.#session = connect(`https://127.0.0.1:${port}`, { ca })
      this.#session.setMaxListeners(2 * STREAMS_PER_CONNECTION + 2)
      this.#places = 0
    }
    this.#places++
    return this.#session
  }
}

/** The fields of the HTTP/1.1 head, less those of the connection. */
function headersOf(script: CallScript, port: number): Record<string, string> {
  const authority = `127.0.0.1:${port}`
  const head = script.head({ authority, sessionId: undefined })
  const [, ...lines] = head.trimEnd().split('\r\n')
  const headers: Record<string, string> = {
    ':method': 'POST',
    ':path': script.path,
    ':authority': authority,
    ':scheme': 'https',
  }
  for (const line of lines) {
    const [name = '', value = ''] = line.split(': ', 2)
    if (!/^(?:host|connection)$/i.test(name)) headers[name.toLowerCase()] = value
  }
  return headers
}
