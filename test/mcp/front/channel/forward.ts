// A plain HTTP proxy of exchanges to a real server: as transparent as the straight lane, and nothing else.
import { Readable } from 'node:stream'
import { request } from 'undici'
import type { Exchange } from '../../../../src/core/index.ts'

const NOT_FORWARDED = /^(?:host|connection|content-length|transfer-encoding|keep-alive|date)$/i

/** A handler that forwards to the server at `url`, without the query. */
export function forwardTo(url: string): (exchange: Exchange) => void {
  return (exchange) => {
    void forward(url, exchange).catch(() => exchange.answer.abort())
  }
}

async function forward(url: string, exchange: Exchange): Promise<void> {
  const { answer, method } = exchange
  const leaving = new AbortController()
  answer.onClose((end) => {
    if (end !== 'finished') leaving.abort()
  })
  const body = await exchange.readBody(10_000_000)
  const response = await request(url, {
    method: method as 'POST',
    headers: passing([...exchange.rawHeaders]),
    body: body.length > 0 ? body : null,
    signal: leaving.signal,
    responseHeaders: 'raw',
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })
  const raw = (response.headers as unknown as readonly (string | Buffer)[]).map(String)
  answer.start(response.statusCode, passing(raw))
  for await (const chunk of Readable.from(response.body) as AsyncIterable<Buffer>) {
    if (!answer.write(chunk)) {
      await new Promise<void>((resolve) => {
        answer.onDrain(resolve)
        answer.onClose(() => resolve())
      })
    }
  }
  answer.end()
}

function passing(headers: readonly string[]): string[] {
  const passed: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    if (!NOT_FORWARDED.test(name)) passed.push(name, value)
  }
  return passed
}
