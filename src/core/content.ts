// The content of one message as it came off the wire: in pieces, which whoever only passes them on need not join. Once it
// was sent its memory goes back as soon as all who hold it are done, unless somebody got hold of the bytes themselves.
import { freeMemory, isOwner } from './spent-memory.ts'

const EMPTY = Buffer.alloc(0)

/** Itself if it can be: only by that is it known whose its memory is. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export class Content {
  readonly length: number
  /** Undefined once the memory was given back. */
  #chunks: readonly Buffer[] | undefined
  #holderCount = 0
  #isSent = false
  /** Somebody may keep the bytes for longer than they hold the content. */
  #isShared = false

  /** `length` is that of all chunks together. */
  constructor(chunks: readonly Buffer[], length: number) {
    this.#chunks = chunks
    this.length = length
  }

  static of(bytes: Buffer): Content {
    return new Content([bytes], bytes.length)
  }

  /** In order. For use at once, or until a hold taken before is let go. */
  get chunks(): readonly Buffer[] {
    if (this.#chunks === undefined) throw new TypeError('the content was given back')
    return this.#chunks
  }

  /** All in one piece, to keep for as long as one likes. Joined at the first call. */
  bytes(): Buffer {
    const { chunks } = this
    this.#isShared = true
    const [first] = chunks
    if (first !== undefined && chunks.length === 1) return first
    const joined = Buffer.concat(chunks, this.length)
    this.#chunks = [joined]
    if (this.#holderCount === 0) for (const chunk of chunks) freeMemory(chunk)
    return joined
  }

  /** Whether sending it gives memory back, so that it has to be said when it was sent. */
  get isFreeable(): boolean {
    return this.chunks.some(isOwner)
  }

  /** Whether an ASCII text is somewhere in it. */
  includes(text: string): boolean {
    const overlap = text.length - 1
    let before: Buffer = EMPTY
    for (const chunk of this.chunks) {
      if (chunk.includes(text)) return true
      const seam = Buffer.concat([before, chunk.subarray(0, overlap)])
      if (seam.includes(text)) return true
      const end = chunk.length < overlap ? seam : chunk
      before = end.subarray(Math.max(0, end.length - overlap))
    }
    return false
  }

  /** The content stays until a `letGo` for each. Whoever never lets go leaves it to the garbage collector. */
  hold(): void {
    this.#holderCount++
  }

  /** Whoever does so needs the content no more. What was never sent stays all the same: somebody may still mean to. */
  letGo(): void {
    this.#holderCount--
    if (this.#holderCount > 0 || this.#isShared || !this.#isSent) return
    const chunks = this.#chunks ?? []
    this.#chunks = undefined
    for (const chunk of chunks) freeMemory(chunk)
  }

  /** As `letGo`, for whoever has sent all of it, and to the end: the kernel must not be reading from it any more. */
  letGoSent(): void {
    this.#isSent = true
    this.letGo()
  }
}
