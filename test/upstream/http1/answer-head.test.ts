import { describe, expect, it } from 'vitest'
import { readAnswerHead } from '../../../src/upstream/http/http1/answer-head.ts'

const read = (...lines: readonly string[]) => readAnswerHead(lines.join('\r\n'))
const framed = (...fields: readonly string[]) => read('HTTP/1.1 200 OK', ...fields)

describe('the head of an answer', () => {
  it('is read with names as they were sent and values without outer space', () => {
    expect(framed('Content-Type:text/plain', 'x-Empty:', 'X-Two: a \t', 'X-Two: b:c')).toEqual({
      status: 200,
      headers: ['Content-Type', 'text/plain', 'x-Empty', '', 'X-Two', 'a', 'X-Two', 'b:c'],
      bodyEnd: 'close',
      keepsAlive: true,
      idleForMs: undefined,
    })
  })

  it.each([
    ['no reason', 'HTTP/1.1 200 '],
    ['neither reason nor space', 'HTTP/1.1 200'],
    ['a reason in latin1', 'HTTP/1.1 200 d\u00e9j\u00e0 vu'],
  ])('may have a status line with %s', (_, line) => {
    expect(read(line, 'content-length: 0').status).toBe(200)
  })

  it.each([
    ['a length', ['Content-Length: 12'], 12],
    ['chunks', ['transfer-encoding: Chunked'], 'chunked'],
    ['the connection', ['x: y'], 'close'],
  ])('tells that the body ends with %s', (_, fields, bodyEnd) => {
    expect(framed(...fields).bodyEnd).toBe(bodyEnd)
  })

  it.each([
    ['HTTP/1.1 204 No Content', ['content-length: 7']],
    ['HTTP/1.1 304 Not Modified', ['transfer-encoding: chunked']],
    ['HTTP/1.1 103 Early Hints', ['link: </a>']],
  ])('has no body behind %s', (line, fields) => {
    expect(read(line, ...fields).bodyEnd).toBe(0)
  })

  it.each([
    ['HTTP/1.1 200 OK', [], true],
    ['HTTP/1.1 200 OK', ['connection: Close'], false],
    ['HTTP/1.1 200 OK', ['connection: a, close'], false],
    ['HTTP/1.1 200 OK', ['connection: a', 'connection: close'], false],
    ['HTTP/1.1 200 OK', ['connection: closely'], true],
    ['HTTP/1.0 200 OK', ['connection: keep-alive'], false],
  ])('%s with %j leaves the connection open: %j', (line, fields, keepsAlive) => {
    expect(read(line, ...fields)).toMatchObject({ keepsAlive })
  })

  it('tells how long the endpoint keeps the connection', () => {
    expect(framed('Keep-Alive: max=3, timeout=5').idleForMs).toBe(5_000)
    expect(framed('Keep-Alive: xtimeout=5').idleForMs).toBeUndefined()
  })

  it.each([
    ['another protocol', ['ICY 200 OK']],
    ['HTTP/2', ['HTTP/2 200']],
    ['a status of two digits', ['HTTP/1.1 20 OK']],
    ['a status below 100', ['HTTP/1.1 099 OK']],
    ['an upgrade', ['HTTP/1.1 101 Switching Protocols']],
    ['two numbers in Content-Length', ['HTTP/1.1 200 OK', 'content-length: 4, 4']],
    ['Content-Length twice', ['HTTP/1.1 200 OK', 'content-length: 4', 'Content-Length: 4']],
    ['a Content-Length with a sign', ['HTTP/1.1 200 OK', 'content-length: +4']],
    ['a Content-Length beyond counting', ['HTTP/1.1 200 OK', `content-length: ${'9'.repeat(16)}`]],
    ['an empty Content-Length', ['HTTP/1.1 200 OK', 'content-length:']],
    ['another coding', ['HTTP/1.1 200 OK', 'transfer-encoding: gzip, chunked']],
    [
      'chunked twice',
      ['HTTP/1.1 200 OK', 'transfer-encoding: chunked', 'transfer-encoding: chunked'],
    ],
    ['length and chunks', ['HTTP/1.1 200 OK', 'content-length: 4', 'transfer-encoding: chunked']],
    ['chunks in HTTP/1.0', ['HTTP/1.0 200 OK', 'transfer-encoding: chunked']],
    ['a line without colon', ['HTTP/1.1 200 OK', 'content-length 4']],
    ['a space before the colon', ['HTTP/1.1 200 OK', 'content-length : 4']],
    ['a line that goes on the one before', ['HTTP/1.1 200 OK', 'a: b', ' c: d']],
    ['an empty name', ['HTTP/1.1 200 OK', ': b']],
    ['a bare line feed', ['HTTP/1.1 200 OK', 'a: b\ncontent-length: 4']],
    ['a bare carriage return', ['HTTP/1.1 200 OK', 'a: b\rcontent-length: 4']],
    ['a NUL', ['HTTP/1.1 200 OK', 'a: b\0']],
    ['nothing', ['']],
  ])('is refused with %s', (_, lines) => {
    expect(() => read(...lines)).toThrow(expect.objectContaining({ code: 'MALFORMED_ANSWER' }))
  })
})
