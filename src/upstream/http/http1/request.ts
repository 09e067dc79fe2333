// One request to an HTTP/1.1 endpoint: its bytes, whom to tell of the answer, and the handle by which the caller
// governs it. Waits in the pool until a connection takes it.
import type { Content, RawHeaders } from '../../../core/index.ts'
import type { AnswerHandler, CarriedRequest, OutgoingRequest } from '../carrier.ts'
import type { Connection } from './connection.ts'
import { TOKEN } from './answer-head.ts'

const METHOD = /^[A-Z]+$/
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const NOT_IN_PATH = /[^\x21-\x7e\x80-\xff]/

/** Fields that say where the message ends or what happens to the connection: never from outside. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'expect',
])

/** Tells most names from those without lowering them. */
const OWN_FIELD_LENGTHS: ReadonlySet<number> = new Set([...OWN_FIELDS].map(({ length }) => length))

export class Http1Request implements CarriedRequest {
  readonly head: string
  readonly body: Buffer | Content | undefined
  readonly #handler: AnswerHandler
  #connection: Connection | undefined
  #isOver = false

  /** @throws TypeError for what would not be one request on the wire. */
  constructor(options: OutgoingRequest, authority: string, handler: AnswerHandler) {
    this.head = encodeHead(options, authority)
    this.body = options.body
    this.#handler = handler
  }

  /** Answered, failed or given up. */
  get isOver(): boolean {
    return this.#isOver
  }

  abort(reason: Error): void {
    if (this.#connection === undefined) this.fail(reason)
    else this.#connection.fail(reason)
  }

  resume(): void {
    this.#connection?.resume()
  }

  expectSilence(isExpected: boolean): void {
    this.#connection?.expectSilence(isExpected)
  }

  /** A connection takes the request. */
  leave(connection: Connection): void {
    this.#connection = connection
    this.#handler.onSent()
  }

  begin(status: number, headers: RawHeaders): void {
    this.#handler.onHead(status, headers)
  }

  deliver(data: Buffer): boolean {
    return this.#handler.onData(data)
  }

  end(trailers: RawHeaders): void {
    this.#isOver = true
    this.#connection = undefined
    this.#handler.onEnd(trailers)
  }

  fail(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#connection = undefined
    this.#handler.onFailure(error)
  }
}

function encodeHead({ method, path, headers, body }: OutgoingRequest, authority: string): string {
  if (!METHOD.test(method) || NOT_IN_PATH.test(path)) throw unfit('target')
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\nconnection: keep-alive\r\n`
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string]
    // One look at every character, or a line break in a value would begin a request of its own.
    if (NOT_IN_VALUE.test(value) || !TOKEN.test(name) || isOwnField(name)) {
      throw unfit('field')
    }
    head += `${name}: ${value}\r\n`
  }
  return body === undefined && method !== 'POST'
    ? `${head}\r\n`
    : `${head}content-length: ${body?.length ?? 0}\r\n\r\n`
}

function isOwnField(name: string): boolean {
  return OWN_FIELD_LENGTHS.has(name.length) && OWN_FIELDS.has(name.toLowerCase())
}

function unfit(part: string): TypeError {
  return new TypeError(`a request ${part} that cannot be written`)
}
