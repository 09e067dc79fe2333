// The bench must not flatter anyone: what it counts and what it refuses. Nothing here looks at how long anything takes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBackend } from '../../bench/backend.ts'
import { answerBody, callBody, FIRST_ID, type CallShape } from '../../bench/call.ts'
import { makeCertificate } from '../../bench/certificate.ts'
import { AnswerReader } from '../../bench/load/answer-reader.ts'
import type { Destination } from '../../bench/load/channel.ts'
import type { LoadResult } from '../../bench/load/measure.ts'
import { runLoad } from '../../bench/load/run-load.ts'
import { startNodeProxy } from '../../bench/node-proxy.ts'
import { freePorts } from '../../bench/target/free-ports.ts'
import { nodeProxyListens } from '../../bench/target/node-proxy.ts'
import { startHttpServer } from '../support/servers.ts'

const small: CallShape = { era: 'modern', bodyBytes: 1_024, answer: 'json' }

const load = (destination: Destination, shape: CallShape, connections = 2): Promise<LoadResult> =>
  runLoad({
    destination,
    shape,
    connections,
    warmUpMs: 5,
    measureMs: 20,
    pids: [process.pid],
    companionPids: [],
  })

/** A backend behind the plain Node proxy, both in this process. */
async function startProxiedBackend() {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const certificate = makeCertificate(folder)
  const backend = await startBackend(certificate)
  onTestFinished(() => backend.stop())
  const [http = 0, https = 0, http2 = 0] = await freePorts(3)
  const ports = { http, https, http2 }
  const origin = `http://127.0.0.1:${backend.ports.http}`
  const stop = await startNodeProxy(origin, nodeProxyListens(ports, certificate))
  onTestFinished(stop)
  return { backend, ports, ca: readFileSync(certificate.certFile, 'utf8') }
}

/** A server that answers each call as `answer` says, instead of as it should. */
async function startLiar(
  answer: (id: number) => { status?: number; body: Buffer },
): Promise<Destination> {
  const { port } = await startHttpServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number }
      const { status = 200, body } = answer(id)
      response.writeHead(status, { 'content-length': body.length }).end(body)
    })
  })
  return { protocol: 'http', port, ca: '' }
}

describe('a call', () => {
  it.each([
    { era: 'modern', bodyBytes: 1_024, answer: 'json' },
    { era: 'legacy', bodyBytes: 1_024, answer: 'json' },
    { era: 'modern', bodyBytes: 65_536, answer: 'event-stream' },
    { era: 'legacy', bodyBytes: 777, answer: 'json' },
  ] as const)('has exactly the length asked for: $era, $bodyBytes', (shape) => {
    const body = callBody(shape)
    expect(body.length).toBe(shape.bodyBytes)
    expect(JSON.parse(body.toString())).toMatchObject({ id: FIRST_ID, method: 'tools/call' })
  })

  it('is answered with its id and with the number of bytes that arrived', () => {
    const answer: unknown = JSON.parse(answerBody(FIRST_ID + 7, 65_536, 'json').toString())
    expect(answer).toMatchObject({
      id: FIRST_ID + 7,
      result: { structuredContent: { receivedBytes: 65_536 } },
    })
  })
})

describe('the load generator', () => {
  it.each([
    ['modern', 'http', 1_024, 'json'],
    ['modern', 'http', 65_536, 'json'],
    ['modern', 'http', 1_024, 'event-stream'],
    ['legacy', 'http', 1_024, 'json'],
    ['modern', 'https', 65_536, 'json'],
    ['legacy', 'https', 1_024, 'event-stream'],
    ['modern', 'http2', 1_024, 'json'],
  ] as const)('counts what the backend counts: %s, %s, %i, %s', async (...row) => {
    const [era, protocol, bodyBytes, answer] = row
    const { backend, ports, ca } = await startProxiedBackend()
    const result = await load({ protocol, port: ports[protocol], ca }, { era, bodyBytes, answer })
    expect(result.count).toBeGreaterThan(0)
    expect(result.count).toBeLessThanOrEqual(result.totalCount)
    expect(backend.callCount()).toBe(result.totalCount)
  })

  it.each([
    [
      'another id',
      /answered with the id 1000000999/,
      () => ({ body: answerBody(1_000_000_999, 1_024, 'json') }),
    ],
    [
      'another status',
      /answered with status 503/,
      (id: number) => ({ status: 503, body: answerBody(id, 1_024, 'json') }),
    ],
    [
      'a sign that the call was cut short',
      /bytes that are not/,
      (id: number) => ({ body: answerBody(id, 1_023, 'json') }),
    ],
    [
      'one byte changed',
      /bytes that are not/,
      (id: number) => {
        const body = answerBody(id, 1_024, 'json')
        body[body.length - 40] = 0x21
        return { body }
      },
    ],
    ['nothing', /bytes that are not|the id 0/, () => ({ body: Buffer.alloc(0) })],
  ])('refuses an answer with %s', async (_, message, answer) => {
    await expect(load(await startLiar(answer), small)).rejects.toThrow(message)
  })

  it('refuses a target that closes connections', async () => {
    const { port } = await startHttpServer((request) => request.socket.destroy())
    await expect(load({ protocol: 'http', port, ca: '' }, small)).rejects.toThrow(
      /closed the connection|ECONNRESET/,
    )
  })

  it('refuses a target with another certificate', async () => {
    const { ports } = await startProxiedBackend()
    const { ca } = await startProxiedBackend()
    await expect(load({ protocol: 'https', port: ports.https, ca }, small)).rejects.toThrow(
      /self-signed|certificate/,
    )
  })
})

describe('the backend', () => {
  const headers = {
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'search_notes',
  }
  const legacy = { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' }

  it.each([
    ['a whole call', 200, headers],
    ['a call without its version', 400, { ...headers, 'mcp-protocol-version': undefined }],
    ['a call without its method header', 400, { ...headers, 'mcp-method': undefined }],
    ['a call outside a session', 404, legacy],
    ['a call in a session nobody began', 404, { ...legacy, 'mcp-session-id': 'x' }],
  ])('answers %s with %i', async (_, status, given) => {
    const { backend } = await startProxiedBackend()
    const sent = Object.entries(given).filter(([, value]) => value !== undefined)
    const answer = await fetch(`http://127.0.0.1:${backend.ports.http}/mcp`, {
      method: 'POST',
      headers: sent as [string, string][],
      body: callBody({ ...small, era: status === 404 ? 'legacy' : 'modern' }),
    })
    await answer.arrayBuffer()
    expect(answer.status).toBe(status)
    expect(backend.callCount()).toBe(status === 200 ? 1 : 0)
  })
})

describe('the answer reader', () => {
  const counted = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'

  it.each([
    ['with a length', counted],
    ['in chunks', chunked],
  ])('reads an answer %s, split at every byte', (_, text) => {
    for (let at = 1; at < text.length; at++) {
      const reader = new AnswerReader(100)
      const parts = [text.slice(0, at), text.slice(at)].map((part) => Buffer.from(part))
      const answers = parts.map((part) => reader.push(part))
      const answer = answers.find((it) => it !== undefined)
      expect(answer?.body.toString(), `split at ${at}`).toBe('hello')
    }
  })

  it.each([
    ['longer than its Content-Length', `${counted}!`],
    ['bytes after the last chunk', `${chunked}!`],
    ['neither Content-Length nor chunks', 'HTTP/1.1 200 OK\r\n\r\nhello'],
    ['a chunk longer than its size', chunked.replace('3\r\nhel', '3\r\nhell')],
    ['an answer body without end', counted.replace('5', '101') + 'x'.repeat(96)],
    ['not an HTTP/1.1 answer', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('refuses: %s', (message, text) => {
    expect(() => new AnswerReader(100).push(Buffer.from(text))).toThrow(message)
  })
})
