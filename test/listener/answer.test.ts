// Answers over HTTP/1.1 and 1.0: what goes out when, and how each end is seen from both sides.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { AnswerEnd, Exchange } from '../../src/core/index.ts'
import { run } from '../support/programs.ts'
import { openRaw, rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { answerText, startListener } from './start-listener.ts'

const get = (fields = '', version = '1.1'): string =>
  `GET /mcp HTTP/${version}\r\nHost: localhost\r\n${fields}\r\n`
const EVENT_STREAM = ['Content-Type', 'text/event-stream; charset=utf-8']

describe('an answer', () => {
  it('sends the head of an event stream at once', async () => {
    const { target } = await startListener({
      onExchange: ({ answer }) => answer.start(200, EVENT_STREAM),
    })
    const connection = await openRaw(target)
    connection.send(get())
    const head = await connection.until((bytes) => bytes.includes('\r\n\r\n'))
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('sends each chunk as it comes', async () => {
    let open: Exchange | undefined
    const { target } = await startListener({ onExchange: (exchange) => (open = exchange) })
    const connection = await openRaw(target)
    connection.send(get())
    await until(() => open !== undefined, 'the exchange')
    open?.answer.start(200, EVENT_STREAM)
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      expect(open?.answer.write(Buffer.from(event))).toBe(true)
      await connection.until((bytes) => bytes.includes(event))
    }
    open?.answer.end()
    expect((await connection.answer())?.body).toBe('data: 1\n\ndata: 2\n\n')
  })

  it('goes out in one packet when it is ended with its content', async () => {
    const { target } = await startListener()
    const connection = await openRaw(target)
    connection.send(get())
    const [packet] = (await once(connection.socket, 'data')) as [string]
    expect(packet).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nok$/)
  })

  it('passes fields on as given, in order and case, and adds Date but no Server', async () => {
    const { target } = await startListener({
      onExchange: ({ answer }) => {
        answer.start(200, [
          'X-B',
          '1',
          'x-A',
          '2',
          'Set-Cookie',
          'a',
          'Set-Cookie',
          'b',
          'Content-Length',
          '0',
        ])
        answer.end()
      },
    })
    const connection = await openRaw(target)
    connection.send(get())
    const bytes = await connection.until((received) => received.includes('\r\n\r\n'))
    expect(bytes).toMatch(
      /^HTTP\/1\.1 200 OK\r\nX-B: 1\r\nx-A: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\nDate: [^\r]+ GMT\r\n/,
    )
    expect(bytes).not.toMatch(/server:/i)
  })

  it('to HEAD has no content, whatever is written, and keeps the connection', async () => {
    const { target } = await startListener({
      onExchange: ({ answer }) => {
        answer.start(200, ['content-length', '100'])
        answer.write(Buffer.from('body'))
        answer.end(Buffer.from('more'))
      },
    })
    const connection = await openRaw(target)
    connection.send(get().replace('GET', 'HEAD'))
    const bytes = await connection.until((received) => received.includes('\r\n\r\n'))
    expect(bytes).toMatch(/\r\n\r\n$/)
    connection.send(get().replace('GET', 'HEAD'))
    await connection.until((received) => received.split('HTTP/1.1 200').length === 3)
  })

  it('to HTTP/1.0 is not chunked and ends with the connection', async () => {
    const { target } = await startListener({
      onExchange: ({ answer }) => {
        answer.start(200, [])
        answer.write(Buffer.from('one '))
        answer.end(Buffer.from('two'))
      },
    })
    const answer = await rawHttp(target, get('', '1.0'))
    expect(answer?.headers['transfer-encoding']).toBeUndefined()
    expect(answer?.body).toBe('one two')
  })

  it.each([
    ['when the client asked for them', 'TE: trailers\r\n', true],
    ['not when it did not ask', '', false],
  ])('carries trailer fields %s', async (_, fields, isExpected) => {
    const { target } = await startListener({
      onExchange: ({ answer }) => {
        answer.start(200, [])
        answer.write(Buffer.from('a'))
        answer.end(undefined, ['X-End', '1'])
      },
    })
    const connection = await openRaw(target)
    connection.send(get(fields))
    const bytes = await connection.until((received) => /\r\n0\r\n(?:[^]*\r\n)?\r\n$/.test(received))
    expect(bytes.includes('X-End: 1')).toBe(isExpected)
  })

  it('ignores what is written after its end', async () => {
    const { target } = await startListener({
      onExchange: (exchange) => {
        answerText(exchange, 'ok')
        const { answer } = exchange
        expect(answer.write(Buffer.from('late'))).toBe(true)
        answer.end(Buffer.from('late'))
        answer.start(500, [])
        expect(answer.status).toBe(200)
      },
    })
    const connection = await openRaw(target)
    connection.send(get() + get())
    expect((await connection.answer())?.body).toBe('ok')
    expect((await connection.answer())?.body).toBe('ok')
  })
})

describe('the end of an answer', () => {
  const endsOf = (exchange: Exchange, ends: AnswerEnd[]): void =>
    exchange.answer.onClose((end) => ends.push(end))

  it('is "finished" once it was handed over, also for those who ask later', async () => {
    const ends: AnswerEnd[] = []
    const { target, exchanges } = await startListener({
      onExchange: (exchange) => {
        endsOf(exchange, ends)
        expect(exchange.answer).toMatchObject({ started: false, closed: false, status: 0 })
        answerText(exchange, 'ok')
      },
    })
    await rawHttp(target, get())
    await until(() => ends.length === 1, 'the end')
    for (const exchange of exchanges) endsOf(exchange, ends)
    expect(ends).toEqual(['finished', 'finished'])
    expect(exchanges[0]?.answer).toMatchObject({ started: true, closed: true, status: 200 })
  })

  it('is "client-gone" when the client leaves before, and writing is then of no effect', async () => {
    const ends: AnswerEnd[] = []
    const { target, exchanges } = await startListener({
      onExchange: (exchange) => {
        endsOf(exchange, ends)
        exchange.answer.start(200, EVENT_STREAM)
      },
    })
    const connection = await openRaw(target)
    connection.send(get())
    await connection.until((bytes) => bytes.includes('\r\n\r\n'))
    connection.socket.destroy()
    await until(() => ends.length === 1, 'the end')
    expect(ends).toEqual(['client-gone'])
    expect(exchanges[0]?.answer.write(Buffer.from('late'))).toBe(true)
    exchanges[0]?.answer.end()
    exchanges[0]?.answer.abort()
    expect(ends).toHaveLength(1)
  })

  it('by abort is not taken for a whole answer, chunked', async () => {
    const ends: AnswerEnd[] = []
    const { target } = await startListener({
      onExchange: (exchange) => {
        endsOf(exchange, ends)
        exchange.answer.start(200, [])
        exchange.answer.write(Buffer.from('half'))
        setImmediate(() => exchange.answer.abort())
      },
    })
    const connection = await openRaw(target)
    connection.send(get())
    await connection.closed
    const bytes = await connection.until(() => true)
    expect(bytes).toContain('half')
    expect(bytes).not.toContain('\r\n0\r\n')
    await until(() => ends.length === 1, 'the end')
    expect(ends).toEqual(['client-gone'])
  })

  it.each([
    ['tcp', false, /reset by peer/],
    ['tls', true, /unexpected eof|reset by peer/],
  ])(
    'by abort is an error to HTTP/1.0 over %s, where the end is that of the connection',
    async (_, tls, failure) => {
      const { port } = await startListener({
        tls,
        onExchange: ({ answer, path }) => {
          answer.start(200, [])
          answer.write(Buffer.from('half'))
          if (path === '/whole') answer.end()
          else setImmediate(() => answer.abort())
        },
      })
      // Node's client takes a reset behind data for an orderly end in some versions; curl tells.
      const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
      const curl = (path: string) =>
        run('curl', ['-skS', '--no-alpn', '--http1.0', `${url}${path}`])
      expect(await curl('/whole')).toEqual({ exitCode: 0, output: 'half' })
      const broken = await curl('/broken')
      expect(broken.exitCode).toBe(56)
      expect(broken.output).toMatch(failure)
    },
  )
})

describe('a fault in a stage behind', () => {
  it('is answered with 500, told, and does not end the process or the connection', async () => {
    const { target, refusals } = await startListener({
      onExchange: (exchange) => {
        if (exchange.path === '/bad') throw new Error('secret detail')
        answerText(exchange, 'ok')
      },
    })
    const connection = await openRaw(target)
    connection.send(get().replace('/mcp', '/bad'))
    const answer = await connection.answer()
    expect(answer?.status).toBe(500)
    expect(answer?.body).toContain('GW_INTERNAL')
    expect(answer?.body).not.toContain('secret')
    expect(refusals[0]?.error).toMatchObject({
      code: 'GW_INTERNAL',
      cause: { message: 'secret detail' },
    })
    connection.send(get())
    expect((await connection.answer())?.body).toBe('ok')
  })

  it('after the head was sent breaks the answer off', async () => {
    const { target } = await startListener({
      onExchange: ({ answer }) => {
        answer.start(200, EVENT_STREAM)
        throw new Error('too late')
      },
    })
    const connection = await openRaw(target)
    connection.send(get())
    await connection.closed
    expect(await connection.until(() => true)).not.toContain('\r\n0\r\n')
  })
})

describe('an exchange', () => {
  it('shows the request as it came', async () => {
    const { target, exchanges, refusals } = await startListener()
    await rawHttp(
      target,
      get('X-One: 1\r\nx-one: 2\r\nCookie: a\r\nCookie: b\r\n').replace('/mcp', '/mcp?a=b?c'),
    )
    const [exchange] = exchanges
    expect(exchange).toMatchObject({
      listener: { name: 'test', secure: false },
      httpVersion: '1.1',
      method: 'GET',
      path: '/mcp',
      query: '?a=b?c',
      remoteAddress: '127.0.0.1',
      authority: 'localhost',
    })
    expect(exchange?.rawHeaders).toEqual(
      'Host localhost X-One 1 x-one 2 Cookie a Cookie b'.split(' '),
    )
    expect(exchange?.header('x-one')).toBe('1, 2')
    expect(exchange?.header('cookie')).toBe('a; b')
    expect(exchange?.header('x-two')).toBeUndefined()
    expect(exchange?.isRepeated('x-one')).toBe(true)
    expect(exchange?.isRepeated('host')).toBe(false)
    expect(refusals).toEqual([])
  })

  it('has an id of its own', async () => {
    const [first, second] = [await startListener(), await startListener()]
    for (const { target } of [first, first, second]) await rawHttp(target, get())
    const ids = [...first.exchanges, ...second.exchanges].map(({ id }) => id)
    expect(new Set(ids).size).toBe(3)
  })

  it('names an IPv4 client plainly on a socket for both families', async () => {
    const { target, exchanges } = await startListener({ host: '' })
    await rawHttp(target, get())
    expect(exchanges[0]?.remoteAddress).toBe('127.0.0.1')
  })
})
