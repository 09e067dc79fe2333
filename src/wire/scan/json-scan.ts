// The compiled pass over JSON (json-scan.as) with its memory. It answers as json-text.ts does, several times as fast once
// a body is large; whether it is worth the copy is for the caller to say.
import type { Content } from '../../core/index.ts'
import { INVALID, MAX_DEPTH, type StructureBudget } from '../json-text.ts'
import { JSON_SCAN_MODULE } from './json-scan-module.ts'

/** Bodies above this are not taken, so that the memory of the pass keeps its size: a little more than this. */
export const MAX_SCAN_BYTES = 1_048_576

/** What must lie behind a body: the pass looks at 64 bytes at a time, and stops at a zero byte. */
const END_BYTES = 128

/** What json-scan.as exports. It says 0 where the bytes are not valid. */
interface ScanExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  bodyStart(): number
  skipString(start: number, end: number): number
  skipContainer(start: number, end: number, maxOpen: number, maxElements: number): number
  elementsLeft(): number
}

/** As much of this global as is needed here; its types come only with those of a browser. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/** Looks through one body at a time, which is used up before the next one is taken. */
export class JsonScan {
  readonly #pass: ScanExports
  readonly #memory: Uint8Array
  readonly #bodyStart: number
  #bodyEnd = 0
  /** The body as `gather` gave it, if it was the last one. */
  #gathered: Uint8Array | undefined

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(JSON_SCAN_MODULE, 'base64'))
    this.#pass = new WebAssembly.Instance(module).exports as ScanExports
    this.#memory = new Uint8Array(this.#pass.memory.buffer)
    this.#bodyStart = this.#pass.bodyStart()
  }

  /** Positions are from now on those in this body, which has at most MAX_SCAN_BYTES. */
  take(body: Uint8Array): void {
    if (body !== this.#gathered) this.#fill([body])
  }

  /**
   * As `take`, of a body in pieces, which has at most MAX_SCAN_BYTES. What comes back is the memory of the pass itself: it is
   * to be looked through at once, and nothing of it may be kept.
   */
  gather(chunks: readonly Uint8Array[]): Buffer {
    this.#fill(chunks)
    const length = this.#bodyEnd - this.#bodyStart
    this.#gathered = Buffer.from(this.#pass.memory.buffer, this.#bodyStart, length)
    return this.#gathered as Buffer
  }

  #fill(chunks: readonly Uint8Array[]): void {
    this.#gathered = undefined
    this.#bodyEnd = this.#bodyStart
    for (const chunk of chunks) {
      this.#memory.set(chunk, this.#bodyEnd)
      this.#bodyEnd += chunk.length
    }
    this.#memory.fill(0, this.#bodyEnd, this.#bodyEnd + END_BYTES)
  }

  /** As `skipString` of json-text.ts. */
  skipString(start: number): number {
    return this.#positionOf(this.#pass.skipString(this.#bodyStart + start, this.#bodyEnd))
  }

  /** As `skipContainer` of json-text.ts. */
  skipContainer(start: number, depth: number, budget: StructureBudget): number {
    const maxOpen = Math.min(budget.maxDepth - depth, MAX_DEPTH)
    // A body cannot have more elements than bytes, and the pass counts in 32 bits.
    const elements = Math.min(budget.elements, MAX_SCAN_BYTES)
    const end = this.#pass.skipContainer(this.#bodyStart + start, this.#bodyEnd, maxOpen, elements)
    budget.elements -= elements - this.#pass.elementsLeft()
    return this.#positionOf(end)
  }

  #positionOf(address: number): number {
    return address === 0 ? INVALID : address - this.#bodyStart
  }
}

/** Made when the first body comes for it. */
let scan: JsonScan | undefined

/**
 * The pass with this body in it, until it is asked for with another. Undefined where there is no WebAssembly, such as under
 * `--jitless`: the pass in json-text.ts is there everywhere.
 */
export function jsonScanOf(body: Uint8Array): JsonScan | undefined {
  const pass = thePass()
  pass?.take(body)
  return pass
}

/**
 * The content in one piece, to be looked through at once: nothing of it may be kept. It is joined only where there is no
 * place to gather it in.
 */
export function inOnePiece(content: Content): Buffer {
  const { chunks, length } = content
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) return first
  const gathered = length > MAX_SCAN_BYTES ? undefined : thePass()?.gather(chunks)
  return gathered ?? content.bytes()
}

function thePass(): JsonScan | undefined {
  if ('WebAssembly' in globalThis) scan ??= new JsonScan()
  return scan
}
