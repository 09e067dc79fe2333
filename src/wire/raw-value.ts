// A large value of a message that nobody has looked into: it stays the bytes that it came in, and goes out as them. Whoever
// looks into it gets what JSON.parse says, and from then on that goes out, so that nobody decides about one thing and
// sends another. Which values are kept so is said in large-values.ts.
import { Content } from '../core/index.ts'
import type { JsonObject, Span } from './inbound.ts'
import { parseLossless } from './lossless-json.ts'
import { inOnePiece } from './scan/json-scan.ts'

/** Stands for a raw value in a text until its bytes are put there. Any other text may say the same: see `encodeJson`. */
const MARK = '(raw value)'
const QUOTED_MARK = JSON.stringify(MARK)

/** Longest content that is made one piece when something in it is replaced. */
const MAX_JOINED_BYTES = 8_192

/** The raw values of the text that is being written, which is never more than one. */
let written: RawValue[] | undefined

export class RawValue {
  /** Where it came from; who sends on what is in it may give all of its memory back. */
  readonly source: Content
  readonly #start: number
  readonly #end: number
  #read: { readonly value: unknown } | undefined

  /** From `start` to before `end` the source has valid JSON in UTF-8. */
  constructor(source: Content, start: number, end: number) {
    this.source = source
    this.#start = start
    this.#end = end
  }

  /** What it says; long numbers keep their digits. */
  get value(): unknown {
    this.#read ??= { value: parseLossless(Buffer.concat(this.slices()).toString('utf8')) }
    return this.#read.value
  }

  /** Its bytes, in the pieces of the source. */
  slices(): Buffer[] {
    const slices: Buffer[] = []
    let from = 0
    for (const chunk of this.source.chunks) {
      const end = from + chunk.length
      if (from < this.#end && end > this.#start) {
        slices.push(chunk.subarray(Math.max(0, this.#start - from), this.#end - from))
      }
      from = end
    }
    return slices
  }

  /** To JSON.stringify it is the value, whoever calls that; only `encodeJson` has a place for bytes. */
  toJSON(): unknown {
    if (written === undefined || this.#read !== undefined) return this.value
    written.push(this)
    return MARK
  }
}

/** The value itself, where it may have been left raw. */
export function readValue(value: unknown): unknown {
  return value instanceof RawValue ? value.value : value
}

/** Keeps the memory behind raw members of an object until the function it returns is called, once. */
export function holdRaw(object: JsonObject): () => void {
  const sources: Content[] = []
  for (const name in object) {
    const value = object[name]
    if (value instanceof RawValue) sources.push(value.source)
  }
  if (sources.length === 0) return holdNothing
  for (const source of sources) source.hold()
  return () => {
    for (const source of sources.splice(0)) source.letGo()
  }
}

const holdNothing = (): void => {}

/** What `write` makes with JSON.stringify, as bytes, with those of raw values as they came. */
export function encodeJson(write: () => string): Content {
  const raw: RawValue[] = []
  const text = marked(write, raw)
  if (raw.length === 0) return Content.of(Buffer.from(text))
  const parts = text.split(QUOTED_MARK)
  // A text of the message's own says the same as the mark. Which is which cannot be told, so all are written out.
  if (parts.length !== raw.length + 1) return Content.of(Buffer.from(write()))
  return joined(parts, raw)
}

function marked(write: () => string, raw: RawValue[]): string {
  written = raw
  try {
    return write()
  } finally {
    written = undefined
  }
}

/** Each part with the value behind it; the last has none. */
function joined(parts: readonly string[], raw: readonly RawValue[]): Content {
  const chunks: Buffer[] = []
  let length = 0
  for (const [at, part] of parts.entries()) {
    for (const chunk of [Buffer.from(part), ...(raw[at]?.slices() ?? [])]) {
      chunks.push(chunk)
      length += chunk.length
    }
  }
  return new SplicedContent(chunks, length, new Set(raw.map(({ source }) => source)))
}

/** Other bytes for a place in a content. */
export interface Splice {
  readonly span: Span
  readonly bytes: Buffer
}

/** The same content with other bytes in some places, which are in order and apart. */
export function spliced(content: Content, splices: readonly Splice[]): Content {
  let { length } = content
  for (const { span, bytes } of splices) length += bytes.length - (span.end - span.start)
  // A copy costs less than writing many small pieces.
  if (length <= MAX_JOINED_BYTES) return Content.of(copied(content, splices, length))
  const chunks: Buffer[] = []
  let from = 0
  for (const { span, bytes } of splices) {
    chunks.push(...new RawValue(content, from, span.start).slices(), bytes)
    from = span.end
  }
  chunks.push(...new RawValue(content, from, content.length).slices())
  return new SplicedContent(chunks, length, new Set([content]))
}

function copied(content: Content, splices: readonly Splice[], length: number): Buffer {
  const source = inOnePiece(content)
  const copy = Buffer.allocUnsafe(length)
  let [from, to] = [0, 0]
  for (const { span, bytes } of splices) {
    to += source.copy(copy, to, from, span.start)
    to += bytes.copy(copy, to)
    from = span.end
  }
  source.copy(copy, to, from)
  return copy
}

/** Content with pieces of others, which are held and let go with it. */
class SplicedContent extends Content {
  readonly #sources: ReadonlySet<Content>

  constructor(chunks: readonly Buffer[], length: number, sources: ReadonlySet<Content>) {
    super(chunks, length)
    this.#sources = sources
  }

  override get isFreeable(): boolean {
    return [...this.#sources].some((source) => source.isFreeable)
  }

  override hold(): void {
    super.hold()
    for (const source of this.#sources) source.hold()
  }

  override letGo(): void {
    super.letGo()
    for (const source of this.#sources) source.letGo()
  }

  override letGoSent(): void {
    super.letGo()
    for (const source of this.#sources) source.letGoSent()
  }
}
