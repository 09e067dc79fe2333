// One connection to an HTTP/1.1 endpoint: requests go out one after the other, each answer belongs to the request
// before it. Whatever leaves doubt about where an answer ends, ends the connection.
import type { Socket } from 'node:net'
import {
  Content,
  type Deadlines,
  isWholeMemory,
  type LiveMember,
  markOwner,
  Wait,
} from '../../../core/index.ts'
import { AnswerTimeout } from '../carrier.ts'
import { type AnswerHead, MalformedAnswer, readAnswerHead } from './answer-head.ts'
import { ChunkedBody } from './chunked-body.ts'
import type { Http1Request } from './request.ts'

const HEAD_END = Buffer.from('\r\n\r\n')
const MAX_HEAD_BYTES = 65_536
const FIRST_FINAL = 200

/** What a connection tells its pool, and the waits that all connections of the pool share. */
export interface ConnectionOwner {
  readonly heads: Deadlines<Connection>
  readonly bodies: Deadlines<Connection>
  /** The connection takes another request. `idleForMs`: how long the endpoint promised to keep it. */
  onIdle(connection: Connection, idleForMs: number | undefined): void
  /** The connection is closed, or must not be used any more. Called once. */
  onGone(connection: Connection): void
}

export class Connection implements LiveMember {
  place = -1
  /** Until when the connection may be idle, on the pool's clock. */
  idleUntilMs = 0
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #wait = new Wait<Connection>(this)
  #request: Http1Request | undefined
  /** The beginning of a head whose end has not come yet. */
  #partial: Buffer | undefined
  /** Undefined until the head was read. */
  #head: AnswerHead | undefined
  /** Bytes that are left of a body with a length. */
  #left = 0
  #chunks: ChunkedBody | undefined
  /** True while what is read has memory of its own. */
  #ownsRead = false
  #isPaused = false
  #isSilenceExpected = false
  #isGone = false

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket
    this.#owner = owner
    socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    socket.on('end', () => this.#onEnd())
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(new Error('the endpoint closed the connection')))
  }

  /** Takes a request; the connection must be idle. */
  send(request: Http1Request): void {
    const { head, body } = request
    this.#request = request
    this.#isSilenceExpected = false
    request.leave(this)
    // Whoever was told may have given it up.
    if (this.#request !== request) return
    this.#owner.heads.watch(this.#wait)
    const socket = this.#socket
    if (body === undefined) {
      socket.write(head, 'latin1')
      return
    }
    socket.cork()
    socket.write(head, 'latin1')
    if (body instanceof Content) this.#writeContent(body)
    else socket.write(body)
    socket.uncork()
  }

  #writeContent(content: Content): void {
    const { chunks } = content
    const last = chunks.length - 1
    for (let at = 0; at < last; at++) this.#socket.write(chunks[at] as Buffer)
    if (last < 0) return
    if (!content.isFreeable) {
      this.#socket.write(chunks[last] as Buffer)
      return
    }
    content.hold()
    // They are written in order, so the last one speaks for all. After an error the kernel may still be reading.
    this.#socket.write(chunks[last] as Buffer, (error) => {
      if (!error) content.letGoSent()
    })
  }

  #pause(): void {
    if (this.#isPaused || this.#request === undefined) return
    this.#isPaused = true
    this.#socket.pause()
    // A client that reads slowly is not the endpoint's silence.
    this.#owner.bodies.unwatch(this.#wait)
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#isGone) return
    this.#watchBody()
    this.#socket.resume()
  }

  expectSilence(isExpected: boolean): void {
    this.#isSilenceExpected = isExpected
    if (this.#isGone || this.#head === undefined) return
    if (isExpected) this.#owner.bodies.unwatch(this.#wait)
    else this.#watchBody()
  }

  #watchBody(): void {
    if (!this.#isPaused && !this.#isSilenceExpected) this.#owner.bodies.watch(this.#wait)
  }

  /** The wait for the endpoint is over. */
  expire(phase: 'head' | 'body'): void {
    this.fail(new AnswerTimeout(phase))
  }

  /** Ends the connection, and the request on it in error. */
  fail(error: Error): void {
    if (!this.#leave()) return
    const request = this.#request
    this.#request = undefined
    request?.fail(error)
  }

  #leave(): boolean {
    if (this.#isGone) return false
    this.#isGone = true
    this.#owner.heads.unwatch(this.#wait)
    this.#owner.bodies.unwatch(this.#wait)
    this.#socket.destroy()
    this.#owner.onGone(this)
    return true
  }

  #onData(bytes: Buffer): void {
    // Unasked-for bytes would be taken for the answer to the next request.
    if (this.#request === undefined) {
      this.fail(new MalformedAnswer('bytes without a request'))
      return
    }
    try {
      this.#read(bytes)
    } catch (thrown) {
      if (!(thrown instanceof MalformedAnswer)) throw thrown
      this.fail(thrown)
    }
  }

  #read(bytes: Buffer): void {
    let rest = bytes
    this.#ownsRead = isWholeMemory(bytes)
    while (this.#head === undefined) {
      const end = this.#readHead(rest)
      if (end === undefined) return
      rest = end
    }
    if (this.#isGone || this.#request === undefined) return
    this.#watchBody()
    if (rest.length > 0) this.#readBody(rest)
    else if (this.#head.bodyEnd === 0) this.#finish()
  }

  /** The bytes behind the head, or undefined when its end has not come. Interim answers are read over. */
  #readHead(bytes: Buffer): Buffer | undefined {
    let all = bytes
    if (this.#partial !== undefined) {
      all = Buffer.concat([this.#partial, bytes])
      this.#ownsRead = isWholeMemory(all)
    }
    const end = all.indexOf(HEAD_END)
    if ((end === -1 ? all.length : end) > MAX_HEAD_BYTES) {
      throw new MalformedAnswer(`a head of more than ${MAX_HEAD_BYTES} bytes`)
    }
    if (end === -1) {
      this.#partial = all
      return undefined
    }
    this.#partial = undefined
    const head = readAnswerHead(all.toString('latin1', 0, end))
    if (head.status >= FIRST_FINAL) this.#begin(head)
    return all.subarray(end + HEAD_END.length)
  }

  #begin(head: AnswerHead): void {
    this.#head = head
    this.#owner.heads.unwatch(this.#wait)
    const { bodyEnd } = head
    this.#chunks = bodyEnd === 'chunked' ? new ChunkedBody() : undefined
    this.#left = typeof bodyEnd === 'number' ? bodyEnd : 0
    this.#request?.begin(head.status, head.headers)
  }

  #readBody(bytes: Buffer): void {
    if (this.#chunks !== undefined) {
      const excess = this.#readChunks(this.#chunks, bytes)
      if (excess !== undefined) this.#finish(excess)
    } else if (this.#head?.bodyEnd === 'close') {
      this.#deliverLast(bytes)
    } else {
      const excess = bytes.length - this.#left
      this.#left -= Math.min(bytes.length, this.#left)
      this.#deliverLast(excess > 0 ? bytes.subarray(0, bytes.length - excess) : bytes)
      if (excess >= 0) this.#finish(excess)
    }
  }

  /**
   * Delivers each chunk once the next one is there: only the last ends the use of what was read. Returns how many bytes are
   * behind the body; undefined when it goes on.
   */
  #readChunks(chunks: ChunkedBody, bytes: Buffer): number | undefined {
    const { length } = bytes
    let last: Buffer | undefined
    const end = chunks.read(bytes, (data) => {
      if (last !== undefined) this.#deliver(last)
      last = data
    })
    if (last !== undefined) this.#deliverLast(last)
    return end === -1 ? undefined : length - end
  }

  /** The last of what was read: nobody here looks at it any more. */
  #deliverLast(data: Buffer): void {
    if (this.#ownsRead) markOwner(data)
    this.#deliver(data)
  }

  #deliver(data: Buffer): void {
    if (data.length === 0 || this.#request === undefined) return
    if (!this.#request.deliver(data)) this.#pause()
  }

  /** The answer is whole. `excess`: bytes behind it, which nobody asked for. */
  #finish(excess = 0): void {
    const request = this.#request
    const head = this.#head
    if (request === undefined || head === undefined || this.#isGone) return
    this.#request = undefined
    this.#head = undefined
    this.#owner.bodies.unwatch(this.#wait)
    if (this.#isPaused) {
      this.#isPaused = false
      this.#socket.resume()
    }
    const trailers = this.#chunks?.trailers ?? []
    this.#chunks = undefined
    // An endpoint that answers before it has read the request may take the rest of that for the next one.
    const isReusable = head.keepsAlive && excess === 0 && this.#socket.writableLength === 0
    if (!isReusable || this.#socket.destroyed || head.bodyEnd === 'close') this.#leave()
    else this.#owner.onIdle(this, head.idleForMs)
    request.end(trailers)
  }

  /** The endpoint closed its side: the end of a body without another, and of the connection in any case. */
  #onEnd(): void {
    if (this.#head?.bodyEnd === 'close') this.#finish()
    else this.fail(new Error('the endpoint closed the connection'))
  }
}
