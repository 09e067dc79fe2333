// Large bodies through the straight lane: in pieces, whose memory is reused as soon as they are sent. Every byte is compared,
// because a piece that is given back too early shows as another call's bytes.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { issueCert } from '../support/certificates.ts'
import { httpEndpoint, startTestGateway, type TestGateway } from '../support/gateway.ts'
import { modernRequest, type PostedMessage } from '../support/mcp-messages.ts'
import { deadPort, startHttpServer } from '../support/servers.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

const callOf = (id: number, bytes: number): PostedMessage => {
  const text = randomBytes(Math.ceil(bytes / 2)).toString('hex')
  return modernRequest('tools/call', { name: 'echo', arguments: { text } }, id)
}

const digest = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** An endpoint that answers with what it got, in pieces of `pieceBytes`; with a length unless that is undefined. */
const startEcho = (pieceBytes: number | undefined) =>
  startHttpServer((request, response) => void echo(request, response, pieceBytes))

async function echo(
  request: IncomingMessage,
  response: ServerResponse,
  pieceBytes: number | undefined,
): Promise<void> {
  const body = await buffer(request)
  response.setHeader('content-type', 'application/json')
  if (pieceBytes === undefined) {
    response.setHeader('content-length', body.length)
    response.end(body)
    return
  }
  for (let at = 0; at < body.length; at += pieceBytes) {
    if (!response.write(body.subarray(at, at + pieceBytes))) await once(response, 'drain')
  }
  response.end()
}

interface CallOptions {
  /** Whom to trust. */
  readonly ca?: Buffer | undefined
  /** The body is sent in pieces of this size, each in a turn of its own. */
  readonly pieceBytes?: number
  /** The answer is not read before this. */
  readonly beforeReading?: () => Promise<unknown>
}

async function call(
  { url }: TestGateway,
  { method, headers, body }: PostedMessage,
  { ca, pieceBytes = body.length, beforeReading }: CallOptions = {},
): Promise<Buffer> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  const fields = { ...headers, 'content-length': Buffer.byteLength(body) }
  const request = send(`${url}/mcp`, {
    method,
    headers: fields,
    ...(ca !== undefined && { ca }),
    agent: false,
  })
  const answered = once(request, 'response') as Promise<[IncomingMessage]>
  for (let at = 0; at < body.length; at += pieceBytes) {
    request.write(body.slice(at, at + pieceBytes))
    await new Promise((resolve) => setImmediate(resolve))
  }
  request.end()
  const [response] = await answered
  await beforeReading?.()
  return buffer(response)
}

describe.each(['http', 'https'])('large calls over %s', (protocol) => {
  const secured = () => {
    const certificate = protocol === 'https' ? issueCert() : undefined
    return {
      ca: certificate?.ca,
      listener: { tls: certificate && serverTlsOptions(certificate) },
    }
  }

  it.each([
    ['with a length', undefined],
    ['in small chunks', 1_000],
    ['in chunks larger than a read', 100_000],
  ])('come back unchanged and to the right caller, answered %s', async (__, answerPieceBytes) => {
    const { ca, listener } = secured()
    const server = await startEcho(answerPieceBytes)
    const endpoint = httpEndpoint(server.url, { maxConnections: 6 })
    const gateway = await startTestGateway({ servers: { mcp: [endpoint] }, listener })
    const sizes = [100, 9_000, 64_000, 65_536, 131_072, 300_000, 1_500_000]
    for (let round = 0; round < 3; round++) {
      const calls = sizes.flatMap((size, at) => [
        { message: callOf(at, size), pieceBytes: 65_536 },
        { message: callOf(at + 100, size), pieceBytes: Math.max(7_001, size / 9) | 0 },
      ])
      const answers = await Promise.all(
        calls.map(({ message, pieceBytes }) => call(gateway, message, { ca, pieceBytes })),
      )
      expect(answers.map(digest)).toEqual(calls.map(({ message }) => digest(message.body)))
    }
  })

  it('wait for a client that does not read, while others go on', async () => {
    const { ca, listener } = secured()
    const server = await startEcho(undefined)
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      listener,
    })
    const slow = callOf(1, 4_000_000)
    const others = async (): Promise<void> => {
      for (let id = 2; id < 12; id++) {
        const message = callOf(id, 100_000)
        expect(digest(await call(gateway, message, { ca }))).toBe(digest(message.body))
      }
    }
    const answer = await call(gateway, slow, { ca, beforeReading: others })
    expect(digest(answer)).toBe(digest(slow.body))
  })
})

describe('a large call', () => {
  it('goes whole to another endpoint when the first cannot be reached', async () => {
    const server = await startEcho(undefined)
    const dead = httpEndpoint(`http://127.0.0.1:${await deadPort()}/mcp`)
    const gateway = await startTestGateway({ servers: { mcp: [dead, httpEndpoint(server.url)] } })
    for (let id = 1; id <= 4; id++) {
      const message = callOf(id, 200_000)
      const answer = await call(gateway, message, { pieceBytes: 50_000 })
      expect(digest(answer)).toBe(digest(message.body))
    }
  })

  it('is whole in a server of the other era, which has refused it before', async () => {
    const server = await startEverythingServer({ eras: 'legacy' })
    const gateway = await startTestGateway({ servers: { mcp: [httpEndpoint(server.url)] } })
    const message = callOf(1, 200_000)
    const answer = (await call(gateway, message, { pieceBytes: 50_000 })).toString()
    const { text } = (JSON.parse(message.body) as { params: { arguments: { text: string } } })
      .params.arguments
    expect(answer.includes(text)).toBe(true)
    await server.close()
  })

  it('leaves its answer to whoever looks for what later calls refer to', async () => {
    const firstParts = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const seen: string[] = []
    const start = (name: string, at: number) =>
      startHttpServer(async (request, response) => {
        seen.push(
          `${name} ${/"requestState":"(\w+)"/.exec((await buffer(request)).toString())?.[1]}`,
        )
        const padding = 'x'.repeat(60_000)
        response.setHeader('content-type', 'application/json')
        response.write(`{"jsonrpc":"2.0","id":1,"result":{"a":"${padding}",`)
        // The rest comes when the client has the beginning, so that nobody in between needs that for sending it.
        await firstParts[at]?.promise
        response.end(`"resultType":"input_required","requestState":"${name}","b":"${padding}"}}`)
      })
    const servers = [await start('one', 0), await start('two', 1)]
    const endpoints = servers.map(({ url }) => httpEndpoint(url))
    const gateway = await startTestGateway({ servers: { mcp: endpoints } })
    for (const { resolve } of firstParts) {
      const { headers, body } = callOf(1, 100)
      const response = await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body })
      const reader = response.body?.getReader()
      await reader?.read()
      resolve()
      while ((await reader?.read())?.done === false);
    }
    for (const requestState of ['two', 'one', 'two', 'two']) {
      const { headers, body } = modernRequest('tools/call', { name: 'echo', requestState })
      await (await fetch(`${gateway.url}/mcp`, { method: 'POST', headers, body })).text()
    }
    expect(seen.slice(2)).toEqual(['two two', 'one one', 'two two', 'two two'])
  })

  it('is refused when it is one byte too long, and taken when it is not', async () => {
    const server = await startEcho(undefined)
    const message = callOf(1, 200_000)
    const gateway = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      limits: { maxBodyBytes: message.body.length },
    })
    expect(digest(await call(gateway, message))).toBe(digest(message.body))
    const longer = { ...message, body: `${message.body} ` }
    expect((await call(gateway, longer)).toString()).toContain('GW_BODY_TOO_LARGE')
  })
})
