// Answers that were encoded anew on their way: the first is read and compared with what it has to say, then every other must
// have the same bytes, but for what may differ.
import { isDeepStrictEqual } from 'node:util'
import type { Judge } from '../load/run-load.ts'
import {
  expectedNotes,
  expectedTools,
  LIST_TTL_MS,
  SERVER_INFO_KEY,
  TOOLS_PER_SERVER,
  type JsonValue,
  type LaneWork,
} from './notes.ts'

/** What differs from answer to answer: where it stands in the first, and whether another has the right thing there. */
interface Hole {
  readonly at: number
  readonly length: number
  isRight(text: string, id: number): boolean
}

const MAX_SHOWN_CHARS = 600
/** Up to here a hole goes. */
const END_OF_VALUE = /[",}\]]/

export class LearningJudge implements Judge {
  readonly #work: LaneWork
  #template: AnswerTemplate | undefined

  constructor(work: LaneWork) {
    this.#work = work
  }

  faultOf(id: number, body: Buffer): string | undefined {
    if (this.#template !== undefined) return this.#template.faultOf(id, body)
    const fault = faultOfFirst(this.#work, id, body)
    if (fault === undefined) this.#template = new AnswerTemplate(id, body)
    return fault
  }
}

function faultOfFirst(work: LaneWork, id: number, body: Buffer): string | undefined {
  const { result, ...rest } = JSON.parse(body.toString()) as JsonValue
  if (!isDeepStrictEqual(rest, { jsonrpc: '2.0', id })) return `answered with ${startOf(rest)}`
  const expected = work.kind === 'call' ? expectedNotes(work) : expectedList(work, result)
  if (isDeepStrictEqual(result, expected)) return undefined
  return `answered with ${startOf(result)} where ${startOf(expected)} was expected`
}

function startOf(value: unknown): string {
  return (JSON.stringify(value) ?? 'no result').slice(0, MAX_SHOWN_CHARS)
}

function expectedList({ list }: LaneWork & { readonly kind: 'list' }, got: unknown): JsonValue {
  const { ttlMs, nextCursor, _meta } = (got ?? {}) as JsonValue
  const isWhole = list.pageSize >= list.servers.length * TOOLS_PER_SERVER
  const isAlive = Number.isInteger(ttlMs) && Number(ttlMs) > 0 && Number(ttlMs) <= LIST_TTL_MS
  const about = (_meta as JsonValue | undefined)?.[SERVER_INFO_KEY] as JsonValue | undefined
  return {
    resultType: 'complete',
    tools: expectedTools(list),
    ...(!isWhole && { nextCursor: typeof nextCursor === 'string' ? nextCursor : 'a cursor' }),
    ttlMs: isAlive ? ttlMs : `1 to ${LIST_TTL_MS}`,
    // A cursor is good for its caller alone.
    cacheScope: isWhole ? 'public' : 'private',
    _meta: { [SERVER_INFO_KEY]: { name: 'sallyport', version: about?.['version'] } },
  }
}

export class AnswerTemplate {
  readonly #bytes: Buffer
  readonly #holes: readonly Hole[]

  /** @throws Error when it cannot be told where the id stands. */
  constructor(id: number, first: Buffer) {
    this.#bytes = first
    const text = first.toString('latin1')
    const holes = [
      holeIn(text, /"id":(\d+)/g, (it, expected) => it === String(expected)),
      // How long a list is still good goes down while it is kept.
      holeIn(text, /"ttlMs":(\d+)/g, (it) => Number(it) > 0 && Number(it) <= LIST_TTL_MS),
      // Sealed anew for every answer.
      holeIn(text, /"nextCursor":"([^"]+)"/g, (it) => it !== ''),
    ].filter((hole) => hole !== undefined)
    const [idHole] = holes
    if (idHole === undefined || !idHole.isRight(heldIn(text, idHole), id)) {
      throw new Error('an answer in which the id cannot be told from the rest')
    }
    this.#holes = holes.toSorted((a, b) => a.at - b.at)
  }

  faultOf(id: number, body: Buffer): string | undefined {
    let from = 0
    let at = 0
    for (const hole of this.#holes) {
      const sameBytes = hole.at - from
      if (!this.#isSame(body, at, from, sameBytes)) return this.#differs(body)
      at += sameBytes
      const value = valueAt(body, at, hole.length)
      if (!hole.isRight(value, id)) return `answered with ${value} where ${id} was asked`
      at += value.length
      from = hole.at + hole.length
    }
    const left = this.#bytes.length - from
    const isRight = body.length - at === left && this.#isSame(body, at, from, left)
    return isRight ? undefined : this.#differs(body)
  }

  #isSame(body: Buffer, at: number, from: number, length: number): boolean {
    if (body.length < at + length) return false
    return body.compare(this.#bytes, from, from + length, at, at + length) === 0
  }

  #differs(body: Buffer): string {
    return `answered with ${body.length} bytes that are not those of the first answer, of ${this.#bytes.length}`
  }
}

/** The only place that the pattern finds; undefined where there is none or more than one. */
function holeIn(text: string, pattern: RegExp, isRight: Hole['isRight']): Hole | undefined {
  const [found, ...others] = text.matchAll(pattern)
  const value = found?.[1]
  if (found === undefined || value === undefined || others.length > 0) return undefined
  return {
    at: found.index + found[0].indexOf(value, found[0].indexOf(':')),
    length: value.length,
    isRight,
  }
}

function heldIn(text: string, { at, length }: Hole): string {
  return text.slice(at, at + length)
}

/** What stands in a hole; it may be some characters longer than in the first answer. */
function valueAt(body: Buffer, at: number, length: number): string {
  const spare = 16
  const text = body.toString('latin1', at, at + length + spare)
  return text.slice(0, Math.max(0, text.search(END_OF_VALUE)))
}
