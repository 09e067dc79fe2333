// Requests that are malformed, ambiguous or not served: what each is answered with, and that none reaches a stage behind.
import { describe, expect, it } from 'vitest'
import type { Exchange, GatewayError } from '../../src/core/index.ts'
import { openRaw, rawHttp } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { answerText, startListener } from './start-listener.ts'

const HOST = 'Host: localhost\r\n'
const post = (fields: string, body = ''): string =>
  `POST /mcp HTTP/1.1\r\n${HOST}${fields}\r\n${body}`
const get = (target: string, fields = HOST): string => `GET ${target} HTTP/1.1\r\n${fields}\r\n`

/** What is wrong, the bytes, the status. */
const malformed: readonly (readonly [string, string, number])[] = [
  ['no Host', 'GET /mcp HTTP/1.1\r\n\r\n', 400],
  ['no Host in HTTP/1.0', 'GET /mcp HTTP/1.0\r\n\r\n', 400],
  ['two Host fields', get('/mcp', 'Host: localhost\r\nHost: evil.example\r\n'), 400],
  ['two equal Host fields', get('/mcp', 'Host: localhost\r\nhost: localhost\r\n'), 400],
  ['an empty Host', get('/mcp', 'Host: \r\n'), 400],
  ['a Host with user info', get('/mcp', 'Host: user@localhost\r\n'), 400],
  ['a Host with a path', get('/mcp', 'Host: localhost/evil\r\n'), 400],
  ['a Host with a comma', get('/mcp', 'Host: localhost, evil.example\r\n'), 400],
  ['a Host with a space', get('/mcp', 'Host: localhost evil\r\n'), 400],
  ['a Host beyond ASCII', get('/mcp', 'Host: l\xf6calhost\r\n'), 400],
  ['a Host with a port out of range', get('/mcp', 'Host: localhost:123456\r\n'), 400],
  ['absolute-form', get('http://localhost/mcp'), 400],
  ['absolute-form of another host', get('http://evil.example/mcp'), 400],
  ['authority-form', get('localhost:80'), 400],
  ['CONNECT', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n', 400],
  ['asterisk-form', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['TRACE', `TRACE /mcp HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['an unknown method', `BREW /mcp HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a method in lower case', `get /mcp HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a path with two slashes at the start', get('//evil.example/mcp'), 400],
  ['a path with two slashes inside', get('/mcp//admin'), 400],
  ['a fragment', get('/mcp#f'), 400],
  ['a backslash', get('/mcp\\admin'), 400],
  ['a dot segment', get('/mcp/../admin'), 400],
  ['a dot segment at the end', get('/mcp/..'), 400],
  ['a single-dot segment', get('/./mcp'), 400],
  ['an encoded dot segment', get('/mcp/%2e%2E/admin'), 400],
  ['a half encoded dot segment', get('/mcp/.%2e/admin'), 400],
  ['a dot segment beside an encoded slash', get('/mcp%2f..%2fadmin'), 400],
  ['bytes beyond ASCII in the target', get('/mcp\xe4'), 400],
  ['a control byte in the target', get('/mcp\x01'), 400],
  ['DEL in the query', get('/mcp?a=\x7f'), 400],
  ['a tab in the target', get('/mcp\tx'), 400],
  ['a header name with an underscore', get('/mcp', `${HOST}Mcp_Session_Id: a\r\n`), 400],
  ['a space before the colon', get('/mcp', `${HOST}X-A : b\r\n`), 400],
  ['a header line without a colon', get('/mcp', `${HOST}nonsense\r\n`), 400],
  ['an empty header name', get('/mcp', `${HOST}: b\r\n`), 400],
  ['a folded header line', get('/mcp', `${HOST}X-A: b\r\n c\r\n`), 400],
  ['a folded first header line', get('/mcp', ` X-A: b\r\n${HOST}`), 400],
  ['NUL in a header value', get('/mcp', `${HOST}X-A: b\0c\r\n`), 400],
  ['a bare CR in a header value', get('/mcp', `${HOST}X-A: b\rc\r\n`), 400],
  ['bare LF line ends', 'GET /mcp HTTP/1.1\nHost: localhost\n\n', 400],
  ['a bare LF among header lines', get('/mcp', `${HOST}X-A: b\nX-B: c\r\n`), 400],
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding and Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
    400,
  ],
  ['two different Content-Lengths', post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab'), 400],
  ['two equal Content-Lengths', post('Content-Length: 1\r\nContent-Length: 1\r\n', 'a'), 400],
  ['a list in Content-Length', post('Content-Length: 1, 1\r\n', 'a'), 400],
  ['a signed Content-Length', post('Content-Length: +1\r\n', 'a'), 400],
  ['a negative Content-Length', post('Content-Length: -1\r\n'), 400],
  ['a hexadecimal Content-Length', post('Content-Length: 0x1\r\n', 'a'), 400],
  ['a Content-Length beyond 64 bits', post('Content-Length: 99999999999999999999\r\n'), 400],
  ['Transfer-Encoding: identity', post('Transfer-Encoding: identity\r\n'), 400],
  [
    'Transfer-Encoding: gzip, chunked',
    post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding: chunked, chunked',
    post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'two Transfer-Encoding fields',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding with a vertical tab',
    post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    `POST /mcp HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['GET with content', get('/mcp', `${HOST}Content-Length: 1\r\n`) + 'a', 400],
  [
    'GET with chunked content',
    get('/mcp', `${HOST}Transfer-Encoding: chunked\r\n`) + '1\r\na\r\n0\r\n\r\n',
    400,
  ],
  ['DELETE with content', `DELETE /mcp HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\na`, 400],
  ['an unknown expectation', post('Expect: 200-ok\r\nContent-Length: 1\r\n', 'a'), 400],
  [
    'an upgrade to WebSocket',
    get('/mcp', `${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n`),
    400,
  ],
  [
    'an upgrade to h2c',
    get(
      '/mcp',
      `${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n`,
    ),
    400,
  ],
  ['HTTP/0.9', 'GET /mcp\r\n\r\n', 400],
  ['a named HTTP/0.9', `GET /mcp HTTP/0.9\r\n${HOST}\r\n`, 400],
  ['HTTP/1.2', `GET /mcp HTTP/1.2\r\n${HOST}\r\n`, 400],
  ['HTTP/2.0 in text', `GET /mcp HTTP/2.0\r\n${HOST}\r\n`, 400],
  ['another protocol', 'EHLO localhost\r\n', 400],
  ['a TLS handshake', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03', 400],
  ['a header section that is too long', get('/mcp', `${HOST}X-A: ${'a'.repeat(20_000)}\r\n`), 431],
  ['a target that is too long', get(`/${'a'.repeat(20_000)}`), 431],
  ['too many header fields', get('/mcp', HOST + 'X-A: b\r\n'.repeat(100)), 431],
]

/** Odd, but with only one meaning. */
const tolerated: readonly (readonly [string, string])[] = [
  ['an empty line before it', `\r\n${get('/mcp')}`],
  ['two spaces in the request line', `GET  /mcp HTTP/1.1\r\n${HOST}\r\n`],
  ['a header value beyond ASCII', get('/mcp', `${HOST}X-Name: J\xf6rg\r\n`)],
  ['white space around a header value', get('/mcp', `Host: \t localhost \t \r\n`)],
  ['a Host with an IPv6 address and a port', get('/mcp', 'Host: [::1]:8443\r\n')],
  ['a Host with an underscore', get('/mcp', 'Host: my_service:80\r\n')],
  ['slashes, dots and an encoded percent sign in the query', get('/mcp?a=//../%25')],
  ['dots inside a segment', get('/mcp/v1..2/.hidden')],
  ['Content-Length: 0 on GET', get('/mcp', `${HOST}Content-Length: 0\r\n`)],
  ['HTTP/1.0 with a Host', `GET /mcp HTTP/1.0\r\n${HOST}\r\n`],
]

const statusOf = async (over: 'tcp' | 'tls', bytes: string): Promise<number | undefined> => {
  const { target } = await startListener({ tls: over === 'tls' })
  return (await rawHttp(target, bytes))?.status
}

describe('a malformed request', () => {
  it.each(malformed)('with %s is refused and not passed on', async (_, bytes, status) => {
    const { target, exchanges, refusals } = await startListener()
    const answer = await rawHttp(target, bytes)
    expect(answer?.status).toBe(status)
    expect(answer?.headers['content-type']).toBe('application/json')
    expect(answer?.headers['connection']).toBe('close')
    expect(answer?.headers['server']).toBeUndefined()
    const code = status === 431 ? 'GW_HEADERS_TOO_LARGE' : 'GW_BAD_FRAMING'
    expect(JSON.parse(answer?.body ?? '')).toEqual({
      jsonrpc: '2.0',
      error: {
        code: -32600,
        message: expect.stringMatching(/^[ -~§]+$/) as string,
        data: { code, requestId: refusals[0]?.requestId },
      },
    })
    expect(refusals.map(({ error }) => error.code)).toEqual([code])
    expect(exchanges).toEqual([])
  })
})

describe('over TLS, a malformed request', () => {
  const rows = malformed.filter(([what]) =>
    /^(?:no Host|asterisk|two Host|a folded header|too many)/.test(what),
  )
  it.each(rows)('with %s gets the same answer', async (_, bytes, status) => {
    expect(await statusOf('tls', bytes)).toBe(status)
  })
})

describe('a request that is odd but clear', () => {
  it.each(tolerated)('with %s is served', async (_, bytes) => {
    expect(await statusOf('tcp', bytes)).toBe(200)
  })
})

describe('HTTP/2 without TLS', () => {
  it('is refused: its preface is no request', async () => {
    const { target, exchanges, count } = await startListener()
    const connection = await openRaw(target)
    connection.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')
    await connection.closed
    await until(async () => (await count('connections')) === 0, 'no connection')
    expect(exchanges).toEqual([])
  })
})

describe('on a connection with several requests', () => {
  it('none behind one with "Connection: close" is served', async () => {
    const { target, exchanges } = await startListener()
    const connection = await openRaw(target)
    connection.send(get('/first', `${HOST}Connection: close\r\n`) + get('/second'))
    expect((await connection.answer())?.status).toBe(200)
    await connection.closed
    expect(await connection.until(() => true)).toBe('')
    expect(exchanges.map(({ path }) => path)).toEqual(['/first'])
  })

  it('a malformed one is answered after those before it, and ends the connection', async () => {
    const { target, exchanges } = await startListener()
    const connection = await openRaw(target)
    connection.send(get('/first') + get('//second') + get('/third'))
    expect((await connection.answer())?.status).toBe(200)
    expect((await connection.answer())?.status).toBe(400)
    await connection.closed
    expect(exchanges.map(({ path }) => path)).toEqual(['/first'])
  })

  it('garbage behind a request is not taken for the answer to it', async () => {
    let open: Exchange | undefined
    const { target, refusals } = await startListener({ onExchange: (it) => (open = it) })
    const connection = await openRaw(target)
    connection.send(`${get('/first')}garbage\r\n\r\n`)
    await until(() => refusals.length === 1, 'the garbage to be refused')
    if (open !== undefined) answerText(open, 'mine')
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'mine' })
    await connection.closed
    expect(await connection.until(() => true)).toBe('')
  })

  it('a chunk that is not one fails the body of its request with 400', async () => {
    const { target, exchanges } = await startListener({
      onExchange: (it) =>
        void it.readBody(1_000).catch((e: GatewayError) => answerText(it, e.code, e.row.status)),
    })
    const answer = await rawHttp(
      target,
      post('Transfer-Encoding: chunked\r\n', '5\r\nabc\r\n0\r\n\r\n'),
    )
    expect(answer).toMatchObject({ status: 400, body: 'GW_BAD_FRAMING' })
    expect(answer?.headers['connection']).toBe('close')
    expect(exchanges).toHaveLength(1)
  })

  it('chunk extensions without end fail the body of their request with 413', async () => {
    const { target } = await startListener({
      onExchange: (it) =>
        void it
          .readBody(1_000_000)
          .catch((e: GatewayError) => answerText(it, e.code, e.row.status)),
    })
    const answer = await rawHttp(
      target,
      post('Transfer-Encoding: chunked\r\n', `1;${'a'.repeat(20_000)}\r\n`),
    )
    expect(answer).toMatchObject({ status: 413, body: 'GW_BODY_TOO_LARGE' })
  })
})
