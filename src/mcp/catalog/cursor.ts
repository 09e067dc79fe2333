// Cursors of merged lists. A cursor says what was already given, by names and not by counts over all servers, so that the
// rest stays right when a server comes or goes in between. It is sealed: clients cannot read or make one.
import type { Seal } from '../seal.ts'

/** How far a client has read a merged list. */
export interface ListPosition {
  /** Servers whose whole list was given. */
  readonly done: readonly string[]
  /** The server whose list was given in part. */
  readonly partial: PartialList | undefined
}

export interface PartialList {
  readonly server: string
  /** Name or URI of the last item that was given, as the server has it. */
  readonly lastKey: string
  /** How many were given: tells where to go on when that item is gone. */
  readonly count: number
}

/** Whose cursor it is, and of which list: for anybody and anything else it does not open. */
export interface CursorScope {
  /** Of the merged view. */
  readonly view: string
  readonly method: string
  readonly callerKey: string
}

/** No page is left lying longer than this by a client that reads a list. */
export const CURSOR_LIFE_MS = 3_600_000
/** A cursor of ours names at most all servers of a route. */
const MAX_CURSOR_CHARS = 65_536

export class CursorCodec {
  readonly #seal: Seal

  constructor(seal: Seal) {
    this.#seal = seal
  }

  write(position: ListPosition, scope: CursorScope, nowMs: number): string {
    const { done, partial } = position
    const rest = partial === undefined ? [] : [partial.server, partial.lastKey, partial.count]
    return this.#seal.seal(JSON.stringify([nowMs + CURSOR_LIFE_MS, done, ...rest]), bound(scope))
  }

  /** Undefined for anything but a cursor of this scope that is not too old. */
  read(cursor: unknown, scope: CursorScope, nowMs: number): ListPosition | undefined {
    if (typeof cursor !== 'string' || cursor.length > MAX_CURSOR_CHARS) return undefined
    const plain = this.#seal.open(cursor, bound(scope))
    if (plain === undefined) return undefined
    // The seal holds: what was written is what is read.
    const [untilMs, done, server, lastKey, count] = JSON.parse(plain) as [
      number,
      string[],
      string?,
      string?,
      number?,
    ]
    if (untilMs < nowMs) return undefined
    if (server === undefined || lastKey === undefined || count === undefined) {
      return { done, partial: undefined }
    }
    return { done, partial: { server, lastKey, count } }
  }
}

/** Length-safe: no two scopes give the same text. */
function bound({ view, method, callerKey }: CursorScope): string {
  return JSON.stringify(['catalog cursor', view, method, callerKey])
}
