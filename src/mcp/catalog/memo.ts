// Something made from other things, kept until one of those is another: what is built once per change of a list.

/** Most values kept by one memo; the ones longest unused go first. */
const MAX_KEPT = 512

interface Kept<T> {
  readonly madeFrom: readonly unknown[]
  readonly value: T
}

export class Memo<T> {
  readonly #kept = new Map<string, Kept<T>>()

  /** `madeFrom` is compared by identity. */
  get(key: string, madeFrom: readonly unknown[], make: () => T): T {
    const known = this.#kept.get(key)
    const isSame = known !== undefined && areSame(known.madeFrom, madeFrom)
    const kept = isSame ? known : { madeFrom, value: make() }
    // The order of the map is that of use.
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size > MAX_KEPT) this.#dropOldest()
    return kept.value
  }

  #dropOldest(): void {
    const oldest = this.#kept.keys().next()
    if (oldest.done !== true) this.#kept.delete(oldest.value)
  }
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((it, place) => it === b[place])
}
