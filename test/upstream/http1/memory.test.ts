// When the memory of large bodies is given back, and that it is not while somebody still uses it.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Content, isOwner, markOwner, systemClock } from '../../../src/core/index.ts'
import type { AnswerHandler } from '../../../src/upstream/http/carrier.ts'
import { Http1Pool } from '../../../src/upstream/http/http1/index.ts'
import { until } from '../../support/servers.ts'

async function startServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function poolTo(port: number): Http1Pool {
  const pool = new Http1Pool({
    authority: 'test',
    connect: (onConnected) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => onConnected(null, socket))
    },
    maxConnections: 1,
    headTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    clock: systemClock,
  })
  onTestFinished(() => pool.destroy())
  return pool
}

/** Pieces of all lengths, each with memory and bytes of its own. */
function piecesOf(...lengths: readonly number[]): Buffer[] {
  return lengths.map((length, at) => {
    const piece = Buffer.allocUnsafeSlow(length).fill(at + 1)
    markOwner(piece)
    return piece
  })
}

/** Sends pieces as a POST, and tells what came of it. */
function send(pool: Http1Pool, pieces: readonly Buffer[], onData = (_data: Buffer): void => {}) {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const handler: AnswerHandler = {
    onSent: () => {},
    onHead: () => {},
    onData: (data) => {
      onData(data)
      return true
    },
    onEnd: () => resolve(undefined),
    onFailure: resolve,
  }
  const body = new Content(pieces, length)
  const request = pool.dispatch({ method: 'POST', path: '/', headers: [], body }, handler)
  return { request, body, over: promise }
}

const heldBytes = (pieces: readonly Buffer[]): number =>
  pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)

describe('the body of a request', () => {
  it('arrives as it was, in any number of pieces, and its memory is given back', async () => {
    const lengths = [1, 65_536, 0, 8_191, 8_192, 100_000, 3]
    const pieces = piecesOf(...lengths)
    const sent = Buffer.concat(pieces)
    let received = Buffer.alloc(0)
    const port = await startServer((socket) => {
      socket.on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes])
        const start = received.indexOf('\r\n\r\n') + 4
        if (received.length - start === sent.length) {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
        }
      })
    })
    expect(await send(poolTo(port), pieces).over).toBeUndefined()
    expect(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(sent)).toBe(true)
    expect(received.toString('latin1')).toMatch(`content-length: ${sent.length}\r\n\r\n`)
    expect(pieces.map(({ length }) => length)).toEqual([1, 0, 0, 8_191, 0, 0, 3])
  })

  it('stays while the kernel has not taken all of it, and while somebody else holds it', async () => {
    const pieces = piecesOf(...Array.from({ length: 100 }, () => 100_000))
    const all = heldBytes(pieces)
    let endpoint: Socket | undefined
    const port = await startServer((socket) => (endpoint = socket.pause()))
    const { body, over } = send(poolTo(port), pieces)
    body.hold()
    await until(() => endpoint !== undefined, 'a connection')
    expect(heldBytes(pieces)).toBe(all)
    let receivedBytes = 0
    endpoint?.on('data', (bytes: Buffer) => {
      receivedBytes += bytes.length
      if (receivedBytes > all) endpoint?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
    endpoint?.resume()
    expect(await over).toBeUndefined()
    expect(heldBytes(pieces)).toBe(all)
    body.letGo()
    expect(heldBytes(pieces)).toBe(0)
  })
})

describe('the body of an answer', () => {
  const answers = [
    ['a length', (body: string) => `content-length: ${body.length}\r\n\r\n${body}`],
    [
      'chunks',
      (body: string) => {
        const chunks = body.match(/[^]{1,20000}/g) ?? []
        const framed = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
        return `transfer-encoding: chunked\r\n\r\n${framed.join('')}0\r\n\r\n`
      },
    ],
  ] as const

  it.each(answers)(
    'with %s may be given back, and no other call sees it change',
    async (_, frame) => {
      const pool = poolTo(
        await startServer((socket) => {
          let count = 0
          socket.on('data', () => {
            const body = String.fromCodePoint(97 + count++).repeat(150_000)
            socket.write(`HTTP/1.1 200 OK\r\n${frame(body)}`, 'latin1')
          })
        }),
      )
      const kept: Buffer[] = []
      let ownerCount = 0
      for (const letter of ['a', 'b', 'c']) {
        let text = ''
        const isKept = letter === 'b'
        const { over } = send(pool, [Buffer.from('{}')], (data) => {
          text += data.toString('latin1')
          if (isOwner(data)) ownerCount++
          if (isKept) kept.push(data)
          // As whoever has sent it on: what else came with the same read must not be needed any more.
          else if (isOwner(data)) (data.buffer as ArrayBuffer).transfer(0)
        })
        expect(await over).toBeUndefined()
        expect(text === letter.repeat(150_000)).toBe(true)
      }
      expect(ownerCount).toBeGreaterThan(0)
      expect(Buffer.concat(kept).toString('latin1') === 'b'.repeat(150_000)).toBe(true)
    },
  )
})
