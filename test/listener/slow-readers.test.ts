// Clients that do not read what they asked for: nothing piles up for them, and in the end they are cut.
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import type { AnswerEnd, Exchange } from '../../src/core/index.ts'
import { openRaw } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { openHttp2, request } from './http2-client.ts'
import { FLAG, FRAME, headerBlock, openRawHttp2, requestFields } from './raw-http2.ts'
import { answerText, startListener } from './start-listener.ts'

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'
const MEBIBYTE = 1_048_576
/** More than the kernel's buffers of both ends take on loopback. */
const LARGE_BYTES = 16 * MEBIBYTE

interface Sending {
  /** Bytes handed over so far. */
  sent: number
  end: AnswerEnd | undefined
}

/** Sends in small chunks and keeps to what `write` says, as an upstream does. */
function sendPolitely({ answer }: Exchange): Sending {
  const sending: Sending = { sent: 0, end: undefined }
  const chunk = Buffer.alloc(16_384)
  const push = (): void => {
    while (sending.sent < LARGE_BYTES && !answer.closed) {
      sending.sent += chunk.length
      if (!answer.write(chunk)) return
    }
    answer.end()
  }
  answer.onDrain(push)
  answer.onClose((end) => (sending.end = end))
  answer.start(200, ['content-type', 'application/octet-stream'])
  push()
  return sending
}

/** Hands over everything as one chunk. */
function sendAtOnce({ answer }: Exchange): Sending {
  const sending: Sending = { sent: LARGE_BYTES, end: undefined }
  answer.onClose((end) => (sending.end = end))
  answer.start(200, ['content-length', String(LARGE_BYTES)])
  answer.end(Buffer.alloc(LARGE_BYTES))
  return sending
}

const senders = [
  ['in chunks', sendPolitely],
  ['as one chunk', sendAtOnce],
] as const

const overAndSenders = (['tcp', 'tls'] as const).flatMap((over) =>
  senders.map(([how, send]) => [over, how, send] as const),
)

describe.each(overAndSenders)('over %s, an answer sent %s', (over, _, send) => {
  it('cuts a client that does not read', async () => {
    let sending: Sending | undefined
    const { target, count } = await startListener({
      tls: over === 'tls',
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => (sending = send(exchange)),
    })
    const connection = await openRaw({ ...target, paused: true })
    connection.send(GET)
    await until(() => sending?.end !== undefined, 'the end')
    expect(sending?.end).toBe('slow-reader')
    expect(await count('slowReaders')).toBe(1)
    await until(async () => (await count('connections')) === 0, 'no connection')
  })

  it('cuts a client that trickles', async () => {
    let sending: Sending | undefined
    const { target } = await startListener({
      tls: over === 'tls',
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => (sending = send(exchange)),
    })
    const connection = await openRaw({ ...target, paused: true })
    const trickle = setInterval(() => connection.socket.read(100), 10)
    connection.send(GET)
    await until(() => sending?.end !== undefined, 'the end')
    clearInterval(trickle)
    expect(sending?.end).toBe('slow-reader')
  })

  it('reaches a client that is slow but steady, beyond the timeout', async () => {
    let sending: Sending | undefined
    // The kernel says that there is room again only when a third of its buffer is free, so progress comes in steps of
    // more than a mebibyte: the pace below makes several of them within the timeout.
    const { target, count } = await startListener({
      tls: over === 'tls',
      limits: { slowReaderTimeoutMs: 1_000 },
      onExchange: (exchange) => (sending = send(exchange)),
    })
    const connection = await openRaw({ ...target, paused: true })
    let received = 0
    const read = setInterval(() => {
      received += (connection.socket.read() as Buffer | null)?.length ?? 0
    }, 8)
    connection.send(GET)
    await until(() => received >= LARGE_BYTES || connection.socket.closed, 'the end', 15_000)
    clearInterval(read)
    await until(() => sending?.end !== undefined, 'the end')
    expect(sending?.end).toBe('finished')
    expect(received).toBeGreaterThanOrEqual(LARGE_BYTES)
    expect(await count('slowReaders')).toBe(0)
  })
})

describe('a client that does not read', () => {
  it.each(['tcp', 'tls'])('over %s holds the sender back at once', async (over) => {
    let sending: Sending | undefined
    const { target } = await startListener({
      tls: over === 'tls',
      onExchange: (exchange) => (sending = sendPolitely(exchange)),
    })
    const connection = await openRaw({ ...target, paused: true })
    connection.send(GET)
    let before = -1
    await until(() => {
      const isSame = sending !== undefined && sending.sent === before
      before = sending?.sent ?? -1
      return isSame
    }, 'the sender to be held back')
    // What the kernels of both ends buffer on loopback, and not the whole answer.
    expect(before).toBeLessThan(LARGE_BYTES)
  })
})

describe('the end of an answer', () => {
  it.each(['tcp', 'tls'])(
    'over %s has to be read, too, when nothing was written before',
    async (over) => {
      const ends: AnswerEnd[] = []
      const { target, count } = await startListener({
        tls: over === 'tls',
        limits: { slowReaderTimeoutMs: 200 },
        onExchange: ({ answer }) => {
          answer.onClose((end) => ends.push(end))
          answer.start(200, ['content-length', '60000'])
          answer.end(Buffer.alloc(60_000))
        },
      })
      const connection = await openRaw({ ...target, paused: true })
      // Each answer is small, but in the end the kernel takes no more of them.
      for (let answered = 0; ends.at(-1) !== 'slow-reader'; answered = ends.length) {
        connection.send(GET)
        await until(() => ends.length > answered, 'the next end')
      }
      expect(new Set(ends.slice(0, -1))).toEqual(new Set(['finished']))
      await until(async () => (await count('connections')) === 0, 'no connection')
    },
  )

  it('over HTTP/2 has to be read, too, when nothing was written before', async () => {
    let end: AnswerEnd | undefined
    const server = await startListener({
      tls: true,
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: ({ answer }) => {
        answer.onClose((how) => (end = how))
        answer.start(200, [])
        // One byte more than the window of a stream.
        answer.end(Buffer.alloc(65_536))
      },
    })
    const client = await openRawHttp2(server)
    client.send(
      FRAME.headers,
      FLAG.endHeaders | FLAG.endStream,
      1,
      headerBlock(requestFields('GET')),
    )
    await until(() => end !== undefined, 'the end')
    expect(end).toBe('slow-reader')
  })
})

describe('a writer that does not wait', () => {
  it('does not put off the deadline of a client that does not read', async () => {
    let sending: Sending | undefined
    const { target } = await startListener({
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => {
        sending = sendPolitely(exchange)
        const comments = setInterval(() => exchange.answer.write(Buffer.from(': on\n')), 20)
        exchange.answer.onClose(() => clearInterval(comments))
      },
    })
    const connection = await openRaw({ ...target, paused: true })
    connection.send(GET)
    await until(() => sending?.end !== undefined, 'the end')
    expect(sending?.end).toBe('slow-reader')
  })

  it.each(['tcp', 'tls'])('over %s is still sent in order', async (over) => {
    const { target } = await startListener({
      tls: over === 'tls',
      onExchange: ({ answer }) => {
        answer.start(200, ['content-length', String(LARGE_BYTES + 2)])
        answer.write(Buffer.alloc(LARGE_BYTES, 'a'))
        expect(answer.write(Buffer.from('b'))).toBe(false)
        answer.end(Buffer.from('c'))
      },
    })
    const connection = await openRaw({ ...target, paused: true })
    connection.send(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const received = await text(connection.socket)
    expect(received.slice(-4)).toBe('aabc')
    expect(received.split('\r\n\r\n')[1]).toHaveLength(LARGE_BYTES + 2)
  })
})

describe('over HTTP/2', () => {
  it.each(senders)('a stream without window is reset, sent %s', async (_, send) => {
    let sending: Sending | undefined
    const server = await startListener({
      tls: true,
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => (sending = send(exchange)),
    })
    const client = await openRawHttp2(server)
    client.send(
      FRAME.headers,
      FLAG.endHeaders | FLAG.endStream,
      1,
      headerBlock(requestFields('GET')),
    )
    const reset = await client.frame(({ type }) => type === FRAME.rstStream)
    expect(reset?.payload).toEqual(Buffer.of(0, 0, 0, 8))
    expect(sending?.end).toBe('slow-reader')
    expect(await server.count('slowReaders')).toBe(1)
  })

  it('one stream that is not read leaves the others alone', async () => {
    const server = await startListener({
      tls: true,
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => {
        if (exchange.path === '/large') sendPolitely(exchange)
        else answerText(exchange, 'ok')
      },
    })
    const session = openHttp2(server)
    const unread = session.request({ ':path': '/large' })
    unread.on('error', () => {})
    // Never read: the window of this stream is not opened again.
    unread.pause()
    await new Promise((resolve) => unread.once('close', resolve))
    await until(async () => (await server.count('slowReaders')) === 1, 'the stream to be cut')
    expect((await request(session, { ':path': '/small' })).body).toBe('ok')
  })

  it('a connection that is not read at all is closed', async () => {
    const server = await startListener({
      tls: true,
      limits: { slowReaderTimeoutMs: 200 },
      onExchange: (exchange) => sendPolitely(exchange),
    })
    // Windows as large as can be: only the TCP connection is in the way.
    const client = await openRawHttp2(server, { settings: { 4: 2 ** 31 - 1 } })
    client.send(FRAME.windowUpdate, 0, 0, Buffer.of(0x7f, 0xff, 0, 0))
    client.socket.pause()
    client.send(
      FRAME.headers,
      FLAG.endHeaders | FLAG.endStream,
      1,
      headerBlock(requestFields('GET')),
    )
    await until(async () => (await server.count('connections')) === 0, 'no connection')
    expect(await server.count('slowReaders')).toBe(1)
  })
})
