// Walks a parsed YAML document: plain values out of it, with the place of each, variables expanded in texts.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type YAMLMap,
} from 'yaml'
import { type Environment, expand } from './expand.ts'
import { type Fault, formatPath, type Path, type Place } from './fault.ts'
import { Places } from './places.ts'

/** Aliases can make a short text a huge document; this many values are more than any real file has. */
const MAX_VALUES = 100_000

export class YamlReader {
  readonly places: Places
  readonly references: Path[] = []
  readonly faults: Fault[] = []
  readonly #document: Document.Parsed
  readonly #env: Environment
  readonly #placeAt: (offset: number) => Place
  /** Anchored nodes being read, to notice one that contains itself. */
  readonly #open = new Set<Node>()
  /** Where texts in quotes stand, as far as the parser took them to go. */
  readonly #quoted: { readonly from: number; readonly to: number }[] = []
  #values = 0

  constructor(document: Document.Parsed, env: Environment, placeAt: (offset: number) => Place) {
    this.#document = document
    this.#env = env
    this.#placeAt = placeAt
    this.places = new Places(placeAt(0))
  }

  read(): unknown {
    return this.#node(this.#document.contents, [])
  }

  /** Where the text in quotes around `offset` begins; `offset` itself when there is none. */
  startOfText(offset: number): number {
    return this.#quoted.find(({ from, to }) => from <= offset && offset <= to)?.from ?? offset
  }

  #node(node: Node | null, path: Path): unknown {
    this.#values += 1
    if (this.#values === MAX_VALUES) {
      this.#fault(node, path, {
        expected: `a document of at most ${MAX_VALUES} values`,
        got: 'more, by aliases of aliases',
        mend: 'write less of it with aliases',
      })
    }
    if (node === null || this.#values >= MAX_VALUES) return undefined
    if (isAlias(node)) return this.#alias(node, path)
    if (isMap(node)) return this.#map(node, path)
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const child = item as Node | null
        const at = [...path, index]
        if (child?.range) this.places.add(at, this.#placeAt(child.range[0]))
        return this.#node(child, at)
      })
    }
    if (!isScalar(node)) return undefined
    return typeof node.value === 'string' ? this.#text(node.value, node, path) : node.value
  }

  #alias(alias: Alias, path: Path): unknown {
    const target = alias.resolve(this.#document)
    if (target === undefined) {
      this.#fault(alias, path, {
        expected: 'an anchor of that name further up',
        got: 'an alias to none',
        mend: 'put text that starts with "*" in quotes',
      })
      return undefined
    }
    if (this.#open.has(target)) {
      this.#fault(alias, path, {
        expected: 'a value that ends',
        got: 'an alias to a value that contains it',
        mend: 'write the value out',
      })
      return undefined
    }
    this.#open.add(target)
    const value = this.#node(target, path)
    this.#open.delete(target)
    return value
  }

  #map(map: YAMLMap, path: Path): Record<string, unknown> {
    // Without a prototype, a key named __proto__ or constructor is a key like any other, and unknown like any other.
    const values: Record<string, unknown> = Object.create(null)
    for (const pair of map.items) {
      const key = pair.key as Node
      if (!isScalar(key)) continue
      const name = String(key.value)
      const at = [...path, name]
      const keyPlace = this.#placeAt(key.range?.[0] ?? 0)
      if (Object.hasOwn(values, name)) {
        this.faults.push(secondKey(at, keyPlace, this.places.ofKey(at)))
        continue
      }
      const value = pair.value as Node | null
      const written = value?.range && !isEmptyScalar(value)
      this.places.add(at, written ? this.#placeAt(value.range![0]) : keyPlace, keyPlace)
      values[name] = this.#node(value, at) ?? null
    }
    return values
  }

  #text(written: string, node: Node, path: Path): string {
    if (isQuoted(node)) this.#quoted.push({ from: node.range[0], to: node.range[1] })
    const { value, whole, problems } = expand(written, this.#env)
    for (const problem of problems) this.#fault(node, path, problem)
    if (whole) this.references.push(path)
    return value
  }

  #fault(node: Node | null, path: Path, problem: Pick<Fault, 'expected' | 'got' | 'mend'>): void {
    const place = this.#placeAt(node?.range?.[0] ?? 0)
    this.faults.push({ place, path: formatPath(path), ...problem })
  }
}

function isQuoted(node: Node): node is Node & { range: NonNullable<Node['range']> } {
  if (!isScalar(node) || !node.range) return false
  return node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE'
}

/** `key:` with nothing behind it; the parser places its value at the end of the line or later. */
function isEmptyScalar(node: Node): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === ''
}

function secondKey(path: Path, place: Place, first: Place): Fault {
  const before = first.kind === 'file' ? ` (first on line ${first.line})` : ''
  return {
    place,
    path: formatPath(path),
    expected: 'each key once',
    got: `a second one${before}`,
    mend: 'remove one of the two',
  }
}
