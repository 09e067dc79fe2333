// Every kind of answer that a listener can send has its security headers, whoever wrote it and whatever went wrong.
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/core/index.ts'
import { SecurityHeaders } from '../../src/listener/security-headers.ts'
import { openRaw, rawHttp, type RawAnswer } from '../support/raw-http.ts'
import { until } from '../support/servers.ts'
import { openHttp2, request } from './http2-client.ts'
import { answerText, startListener, type TestListenerOptions } from './start-listener.ts'

const FIELDS = [
  ['strict-transport-security', 'max-age=31536000'],
  ['content-security-policy', "default-src 'none'"],
  ['x-frame-options', 'DENY'],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['permissions-policy', 'camera=()'],
] as const

const securityHeaders = FIELDS.flat()
const expected = Object.fromEntries(FIELDS)

const GET = 'GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n'

const eventStream = ({ answer }: Exchange): void => {
  answer.start(200, ['content-type', 'text/event-stream'])
  answer.end(Buffer.from(': x\n\n'))
}

const tooLong = (exchange: Exchange): void =>
  void exchange.readBody(1).catch((error) => answerText(exchange, error.code, error.row.status))

const broken = (): never => {
  throw new Error('a stage is broken')
}

interface AnswerCase extends Pick<TestListenerOptions, 'onExchange' | 'limits'> {
  readonly what: string
  readonly bytes: string
  readonly status: number
}

const cases: readonly AnswerCase[] = [
  { what: 'an answer', bytes: GET, status: 200 },
  { what: 'an answer to HEAD', bytes: GET.replace('GET', 'HEAD'), status: 200 },
  { what: 'an answer to HTTP/1.0', bytes: GET.replace('1.1', '1.0'), status: 200 },
  { what: 'an event stream', bytes: GET, status: 200, onExchange: eventStream },
  {
    what: 'an answer without content',
    bytes: GET,
    status: 204,
    onExchange: ({ answer }) => {
      answer.start(204, [])
      answer.end()
    },
  },
  {
    what: 'the error of a stage behind',
    bytes: GET,
    status: 404,
    onExchange: (it) => answerText(it, 'no', 404),
  },
  { what: 'a stage that throws', bytes: GET, status: 500, onExchange: broken },
  {
    what: 'a body that is too long',
    bytes: 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345',
    status: 413,
    onExchange: tooLong,
  },
  { what: 'bytes that are no HTTP', bytes: 'nonsense\r\n\r\n', status: 400 },
  { what: 'a request without Host', bytes: 'GET / HTTP/1.1\r\n\r\n', status: 400 },
  { what: 'CONNECT', bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', status: 400 },
  {
    what: 'a header section that the parser finds too large',
    bytes: GET.replace('\r\n\r\n', `\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`),
    status: 431,
  },
  {
    what: 'too many header fields',
    bytes: GET.replace('\r\n\r\n', `\r\n${'X-A: a\r\n'.repeat(20)}\r\n`),
    status: 431,
    limits: { maxHeaders: 10 },
  },
  {
    what: 'a header section that does not come',
    bytes: 'GET / HT',
    status: 408,
    limits: { headerTimeoutMs: 200 },
  },
  {
    what: 'a connection that is one too many',
    bytes: GET,
    status: 503,
    limits: { acceptBurst: 0 },
  },
]

/** What a client finds of the security headers; a field that came twice shows as a join of two. */
function securityOf(answer: RawAnswer | undefined): object {
  return Object.fromEntries(FIELDS.map(([name]) => [name, answer?.headers[name]]))
}

describe.each([true, false])('over HTTP/1.1 with TLS %s', (tls) => {
  it.each(cases)('$what ($status) has them', async ({ bytes, status, onExchange, limits }) => {
    const { target } = await startListener({
      tls,
      http2: false,
      securityHeaders,
      ...(onExchange && { onExchange }),
      ...(limits && { limits }),
    })
    const connection = await openRaw(target)
    connection.send(bytes)
    const raw = await connection.until((text) => text.includes('\r\n\r\n'))
    expect(raw.slice(9, 12)).toBe(String(status))
    for (const [name, value] of FIELDS) {
      expect(raw.toLowerCase().split(`\r\n${name}: `).length - 1, name).toBe(1)
      expect(raw).toContain(`${name}: ${value}\r\n`)
    }
  })

  it('a request during the drain (503) has them', async () => {
    const open: Exchange[] = []
    const onExchange = (exchange: Exchange): void => void open.push(exchange)
    const { listener, target } = await startListener({
      tls,
      http2: false,
      securityHeaders,
      onExchange,
    })
    const connection = await openRaw(target)
    connection.send(GET.slice(0, 10))
    // What another connection sent later was read, so the beginning was, too.
    const witness = await openRaw(target)
    witness.send(GET)
    await until(() => open.length === 1, 'the other exchange')
    const stopped = listener.stop(5_000)
    connection.send(GET.slice(10))
    const answer = await connection.answer()
    witness.socket.destroy()
    await stopped
    expect(answer?.status).toBe(503)
    expect(securityOf(answer)).toEqual(expected)
  })
})

describe('over HTTP/2', () => {
  const get = { ':path': '/mcp' }
  it.each([
    ['an answer', 200, get, {}],
    ['an answer to HEAD', 200, { ...get, ':method': 'HEAD' }, {}],
    ['an event stream', 200, get, { onExchange: eventStream }],
    ['a stage that throws', 500, get, { onExchange: broken }],
    ['a target that is none', 400, { ':path': '/a/../b' }, {}],
    ['too many header fields', 431, { ...get, ...many(20) }, { limits: { maxHeaders: 10 } }],
    ['a large header section', 431, { ...get, 'x-a': 'a'.repeat(20_000) }, {}],
    ['a connection that is one too many', 503, get, { limits: { acceptBurst: 0 } }],
  ])('%s (%i) has them', async (_, status, headers, options) => {
    const listener = await startListener({ tls: true, securityHeaders, ...options })
    const answer = await request(openHttp2(listener), headers)
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject(expected)
  })
})

describe('a listener without security headers', () => {
  it('sends none', async () => {
    const { target } = await startListener({ tls: true, http2: false })
    const answer = await rawHttp(target, GET)
    expect(Object.values(securityOf(answer))).toEqual(FIELDS.map(() => undefined))
  })
})

describe('what a server behind sends itself', () => {
  const flat = (fields: Readonly<Record<string, string>>): string[] => Object.entries(fields).flat()
  const theirs = flat({
    'Content-Type': 'text/html',
    'X-Frame-Options': 'ALLOWALL',
    'x-frame-options': 'SAMEORIGIN',
    'Strict-Transport-Security': 'max-age=0',
    'Content-Security-Policy': 'sandbox',
    'REFERRER-POLICY': 'unsafe-url',
  })

  it('gives way to the listener’s word, but for content policies, which add up', () => {
    expect(new SecurityHeaders(securityHeaders).addedTo(theirs)).toEqual([
      ...flat({ 'Content-Type': 'text/html', 'Content-Security-Policy': 'sandbox' }),
      ...securityHeaders,
    ])
  })

  it('passes where the listener sends none, but for HSTS, which is never theirs to say', () => {
    const left = theirs.filter((_, at) => at !== 6 && at !== 7)
    expect(new SecurityHeaders([]).addedTo(theirs)).toEqual(left)
    expect(new SecurityHeaders(['x-content-type-options', 'nosniff']).addedTo(theirs)).toEqual([
      ...left,
      ...flat({ 'x-content-type-options': 'nosniff' }),
    ])
  })

  it('is left as it is, in a list of its own', () => {
    const own = ['Content-Type', 'application/json', 'X-Powered-By', 'x']
    const headers = new SecurityHeaders(securityHeaders)
    headers.addedTo(own).push('connection', 'close')
    expect(own).toHaveLength(4)
    expect(headers.fields).toEqual(securityHeaders)
  })
})

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`x-${at}`, 'a']))
}
