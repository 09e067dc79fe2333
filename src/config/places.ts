// Remembers where each key and value of the document was written, so that a fault found later can point at it.
import type { Path, Place } from './fault.ts'

interface Entry {
  readonly path: Path
  /** Of the key in its map; a list item has none. */
  readonly key: Place | undefined
  readonly value: Place
}

export class Places {
  readonly #entries = new Map<string, Entry>()
  readonly #top: Place

  /** `top` is where the document as a whole begins. */
  constructor(top: Place) {
    this.#top = top
  }

  add(path: Path, value: Place, key?: Place): void {
    this.#entries.set(toKey(path), { path, key, value })
  }

  /** Everything at and below `path` now comes from `place`. */
  replace(path: Path, place: Place): void {
    for (const [key, entry] of this.#entries) {
      if (isWithin(path, entry.path)) this.#entries.delete(key)
    }
    this.add(path, place, place)
  }

  has(path: Path): boolean {
    return this.#entries.has(toKey(path))
  }

  /** Of the value; if it was not written, of the nearest map or list around it. */
  ofValue(path: Path): Place {
    const entry = this.#entries.get(toKey(path))
    return entry?.value ?? this.#around(path)
  }

  /** Of the key that leads to the value. */
  ofKey(path: Path): Place {
    const entry = this.#entries.get(toKey(path))
    return entry === undefined ? this.#around(path) : (entry.key ?? entry.value)
  }

  #around(path: Path): Place {
    return path.length === 0 ? this.#top : this.ofKey(path.slice(0, -1))
  }
}

function isWithin(outer: Path, inner: Path): boolean {
  return outer.every((step, index) => inner[index] === step)
}

function toKey(path: Path): string {
  return JSON.stringify(path)
}
