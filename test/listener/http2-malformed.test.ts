// Requests over HTTP/2 that are malformed, ambiguous or too large: what each gets, and that none reaches a stage behind.
import type { OutgoingHttpHeaders } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { until } from '../support/servers.ts'
import { collect, openHttp2, request } from './http2-client.ts'
import { FLAG, FRAME, headerBlock, openRawHttp2, requestFields, type Frame } from './raw-http2.ts'
import { readBodyUpTo, startListener } from './start-listener.ts'

const POST = { ':method': 'POST', ':path': '/mcp' }

describe('a refused request', () => {
  const refused: readonly (readonly [string, OutgoingHttpHeaders, number])[] = [
    ['a path with two slashes', { ':path': '//evil.example/mcp' }, 400],
    ['a dot segment', { ':path': '/mcp/../admin' }, 400],
    ['asterisk-form', { ':method': 'OPTIONS', ':path': '*' }, 400],
    ['TRACE', { ':method': 'TRACE', ':path': '/' }, 400],
    ['a header name with an underscore', { ':path': '/', mcp_session_id: 'a' }, 400],
    [
      'a Host that differs from :authority',
      { ':path': '/', ':authority': 'localhost', host: 'evil.example' },
      400,
    ],
    ['a GET with content', { ':path': '/', 'content-length': '1' }, 400],
    [
      'too many fields',
      Object.fromEntries([
        [':path', '/'],
        ...Array.from({ length: 101 }, (_, at) => [`x-${at}`, '']),
      ]),
      431,
    ],
    ['too many bytes of headers', { ':path': '/', 'x-long': 'a'.repeat(17_000) }, 431],
  ]

  it.each(refused)('with %s is answered and not passed on', async (_, headers, status) => {
    const server = await startListener({ tls: true })
    const session = openHttp2(server)
    const hasContent = headers['content-length'] !== undefined
    const answer = await request(session, headers, hasContent ? 'a' : undefined)
    expect(answer).toMatchObject({ status, resetCode: 0 })
    const code = status === 431 ? 'GW_HEADERS_TOO_LARGE' : 'GW_BAD_FRAMING'
    expect(JSON.parse(answer.body)).toMatchObject({ error: { data: { code } } })
    expect(server.exchanges).toEqual([])
    // The connection is as good as before: nothing is ambiguous in HTTP/2.
    expect((await request(session, { ':path': '/' })).status).toBe(200)
  })

  const reset: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    [
      'absolute-form',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', 'https://localhost/'],
        [':authority', 'localhost'],
      ],
    ],
    [
      'user info in :authority',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/'],
        [':authority', 'a@localhost'],
      ],
    ],
    ['two paths', requestFields('GET', [':path', '/other'])],
    [
      'no path',
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':authority', 'localhost'],
      ],
    ],
    [
      'a pseudo-header field behind others',
      [...requestFields('GET', ['x-one', '1']), [':path', '/']],
    ],
    ['Connection', requestFields('GET', ['connection', 'close'])],
    ['Transfer-Encoding', requestFields('POST', ['transfer-encoding', 'chunked'])],
    ['Upgrade', requestFields('GET', ['upgrade', 'h2c'])],
    ['TE other than trailers', requestFields('GET', ['te', 'gzip'])],
    ['a name in upper case', requestFields('GET', ['X-One', '1'])],
    [
      'two Content-Lengths',
      requestFields('POST', ['content-length', '1'], ['content-length', '2']),
    ],
    ['two Host fields', requestFields('GET', ['host', 'localhost'], ['host', 'evil.example'])],
    [
      'far too many fields',
      requestFields('GET', ...Array.from({ length: 800 }, () => ['a', 'b'] as const)),
    ],
  ]

  it.each(reset)('with %s ends its stream or gets 400, and is not passed on', async (_, fields) => {
    const server = await startListener({ tls: true })
    const client = await openRawHttp2(server)
    client.send(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, headerBlock(fields))
    const isEnd = ({ type, stream }: Frame): boolean =>
      stream === 1 && (type === FRAME.rstStream || type === FRAME.headers)
    const end = await client.frame(isEnd)
    expect(end?.type === FRAME.rstStream || server.refusals.length === 1).toBe(true)
    expect(server.exchanges).toEqual([])
  })

  it('with a line break in a value loses that field, as Node has it', async () => {
    const server = await startListener({ tls: true })
    const client = await openRawHttp2(server)
    const block = headerBlock(requestFields('GET', ['x-one', '1\r\nx-two: 2'], ['x-three', '3']))
    client.send(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, block)
    await until(() => server.exchanges.length === 1, 'the exchange')
    expect(server.exchanges[0]?.rawHeaders).toEqual(['x-three', '3'])
  })

  it('for a body that is too large is answered while the client sends, and the rest is called off', async () => {
    const server = await startListener({ tls: true, onExchange: readBodyUpTo(100_000) })
    const stream = openHttp2(server).request(POST)
    const answer = collect(stream)
    stream.write(Buffer.alloc(150_000))
    expect(await answer).toMatchObject({ status: 413, body: 'GW_BODY_TOO_LARGE', resetCode: 0 })
  })

  it('for a Content-Length that is too large is answered before anything is read', async () => {
    const server = await startListener({ tls: true, onExchange: readBodyUpTo(1_000) })
    const stream = openHttp2(server).request({ ...POST, 'content-length': '1001' })
    expect(await collect(stream)).toMatchObject({ status: 413, body: 'GW_BODY_TOO_LARGE' })
  })
})
