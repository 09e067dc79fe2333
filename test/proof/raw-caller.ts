// A client that costs little: one source address, connections that are kept alive, and no opinion about what comes back.
import { Agent, request, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { createParser } from 'eventsource-parser'
import { onTestFinished } from 'vitest'
import { META } from '../../src/wire/index.ts'
import type { PostedMessage } from '../support/mcp-messages.ts'

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Sent {
  readonly method: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export interface CallerTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export class RawCaller {
  readonly #agent: Agent
  readonly #request: typeof request

  /**
   * Callers with different addresses of 127.0.0.0/8 are different callers to the gateway, unless they show who they are:
   * then their certificates tell.
   */
  constructor(localAddress = '127.0.0.1', maxSockets = 64, tls?: CallerTls) {
    const options = { keepAlive: true, maxSockets, localAddress }
    this.#agent = tls === undefined ? new Agent(options) : new TlsAgent({ ...options, ...tls })
    this.#request = tls === undefined ? request : tlsRequest
    onTestFinished(() => this.#agent.destroy())
  }

  /** The head of the answer, as soon as it is there. */
  open(
    url: string,
    { method, headers = {}, body }: Sent,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(
        url,
        { method, headers, agent: this.#agent, ...(signal && { signal }) },
        resolve,
      )
      outgoing.once('error', reject)
      outgoing.end(body)
    })
  }

  async send(url: string, sent: Sent | PostedMessage): Promise<Answered> {
    const response = await this.open(url, sent)
    const body = await text(response)
    return { status: response.statusCode ?? 0, headers: response.headers, body }
  }

  /** Closes connections that nobody uses. */
  rest(): void {
    this.#agent.destroy()
  }
}

/** The messages in an answer, whichever form it has. */
export function messagesOf(body: string): readonly Record<string, unknown>[] {
  if (!/^(?:event|data|id|:|retry)/.test(body)) {
    return body === '' ? [] : [JSON.parse(body) as Record<string, unknown>]
  }
  const messages: Record<string, unknown>[] = []
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data !== '') messages.push(JSON.parse(data) as Record<string, unknown>)
    },
  })
  parser.feed(body)
  return messages
}

/** The last message of an answer, which is the answer to its request. */
export function lastMessage(body: string): Record<string, unknown> {
  return messagesOf(body).at(-1) ?? {}
}

/** The same request of the modern era, from a client that can be asked these things. */
export function askable(message: PostedMessage, capabilities: object): PostedMessage {
  const body = message.body.replace(
    `"${META.clientCapabilities}":{}`,
    `"${META.clientCapabilities}":${JSON.stringify(capabilities)}`,
  )
  return { ...message, body }
}
