// The content of one request, read once and bounded, from either HTTP version's stream. What becomes of the rest when
// the answer comes before the end is the answer's business.
import type { Readable } from 'node:stream'
import { Content, GatewayError, isWholeMemory, markOwner } from '../core/index.ts'

/** A body in more pieces is joined: nobody should have to handle as many as a client likes to make. */
const MAX_PIECES = 128

export interface BodySource {
  /** `aborted` tells a stream that was reset from one that ended: both emit 'end' in HTTP/2. */
  readonly stream: Readable & { readonly aborted: boolean }
  /** False when the head says that nothing follows. */
  readonly hasContent: boolean
  readonly contentLength: number | undefined
  /** True when each chunk has memory of its own, which nobody else uses. */
  readonly ownsChunks: boolean
  /** Tells the client to go on, when it waits for that (`Expect: 100-continue`). */
  readonly sendContinue: (() => void) | undefined
}

/** Whether the body is still expected, has been read to its end, or never will be. */
type State =
  | { readonly kind: 'unread' }
  | { readonly kind: 'reading'; readonly settle: (error: GatewayError) => void }
  | { readonly kind: 'failed'; readonly error: GatewayError }
  | { readonly kind: 'read' }

const UNREAD: State = { kind: 'unread' }
const READ: State = { kind: 'read' }

export class RequestBody {
  readonly #source: BodySource
  #state: State = UNREAD

  constructor(source: BodySource) {
    this.#source = source
  }

  /** True when content was announced and has not been read to its end. */
  get isUnread(): boolean {
    return this.#source.hasContent && this.#state.kind !== 'read'
  }

  /** How much may still arrive; Infinity when only the client knows whether it will send anything at all. */
  get maxRemainingBytes(): number {
    const { hasContent, contentLength, sendContinue } = this.#source
    if (!hasContent) return 0
    const isUndecided = sendContinue !== undefined && this.#state.kind === 'unread'
    return isUndecided ? Infinity : (contentLength ?? Infinity)
  }

  /** Rejects with GatewayError GW_BODY_TOO_LARGE, GW_REQUEST_TIMEOUT, GW_BAD_FRAMING, GW_CLIENT_GONE. */
  read(maxBytes: number): Promise<Content> {
    const state = this.#state
    if (state.kind === 'failed') return Promise.reject(state.error)
    if (state.kind !== 'unread') {
      return Promise.reject(new TypeError('a request body can be read only once'))
    }
    const { hasContent, contentLength, sendContinue } = this.#source
    if (!hasContent) return Promise.resolve(new Content([], 0))
    // Known from the head: refused before the client has sent it.
    if (contentLength !== undefined && contentLength > maxBytes) {
      return Promise.reject(tooLarge(maxBytes))
    }
    sendContinue?.()
    return this.#collect(maxBytes)
  }

  /** Makes a read under way, or a later one, fail. */
  fail(error: GatewayError): void {
    if (this.#state.kind === 'reading') this.#state.settle(error)
    else if (this.#state.kind === 'unread') this.#state = { kind: 'failed', error }
  }

  /** Throws away what still arrives until the end or `maxBytes`, then calls `onOver`. For the end of a connection. */
  discard(maxBytes: number, onOver: () => void): void {
    const { stream } = this.#source
    let length = 0
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) onOver()
    })
    stream.on('end', onOver)
    stream.on('close', onOver)
    stream.resume()
  }

  #collect(maxBytes: number): Promise<Content> {
    const { stream, ownsChunks } = this.#source
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let length = 0
      const settle = (error: GatewayError): void => {
        if (this.#state.kind !== 'reading') return
        this.#state = { kind: 'failed', error }
        stream.pause()
        reject(error)
      }
      this.#state = { kind: 'reading', settle }
      // Also called for every body that was read, so the error is not made before it is needed.
      const onGone = (): void => {
        if (this.#state.kind === 'reading') settle(clientGone())
      }
      stream.on('error', onGone)
      stream.on('close', onGone)
      stream.on('end', () => {
        if (this.#state.kind !== 'reading') return
        if (stream.aborted) {
          onGone()
          return
        }
        this.#state = READ
        const content = new Content(chunks, length)
        resolve(chunks.length > MAX_PIECES ? Content.of(content.bytes()) : content)
      })
      stream.on('data', (chunk: Buffer) => {
        if (this.#state.kind !== 'reading') return
        length += chunk.length
        if (length > maxBytes) {
          settle(tooLarge(maxBytes))
          return
        }
        if (ownsChunks && isWholeMemory(chunk)) markOwner(chunk)
        chunks.push(chunk)
      })
    })
  }
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError('GW_BODY_TOO_LARGE', `body: expected at most ${maxBytes} bytes`)
}

function clientGone(): GatewayError {
  return new GatewayError('GW_CLIENT_GONE', 'the client left before its request was complete')
}
