// The names of a merged list where they depend on what the servers offer: `prefix_on_conflict` and `keep`. Built once per
// change of a list; `prefix` needs no table, its code alone tells.
import type { LocalName, PrefixCode } from './names.ts'
import type { NamingMode } from './options.ts'

/** What one server offers, after its rules. `locals` is undefined while its list is not known. */
export interface NameSource {
  readonly server: string
  readonly locals: ReadonlySet<string> | undefined
}

/** A tool or prompt that is left out, since a server before it has the name. */
export interface NameConflict extends LocalName {
  readonly heldBy: string
}

export interface NameTable {
  /** Undefined for what is left out. */
  nameOf(server: string, local: string): string | undefined
  /** Undefined for an unknown name, also for one that could mean several. */
  find(name: string): LocalName | undefined
  readonly conflicts: readonly NameConflict[]
}

export function createNameTable(
  mode: NamingMode,
  code: PrefixCode,
  sources: readonly NameSource[],
): NameTable {
  if (mode === 'keep') return new KeptNames(sources)
  if (mode === 'prefix_on_conflict') return new NamesByNeed(code, sources)
  return {
    nameOf: (server, local) => code.encode(server, local),
    find: (name) => code.decode(name),
    conflicts: [],
  }
}

/** Whether a name is taken cannot be known before the servers are asked, so it is no fault of the configuration. */
class KeptNames implements NameTable {
  readonly conflicts: readonly NameConflict[]
  readonly #owners = new Map<string, LocalName>()

  constructor(sources: readonly NameSource[]) {
    const conflicts: NameConflict[] = []
    for (const { server, locals } of sources) {
      for (const local of locals ?? []) {
        const holder = this.#owners.get(local)
        if (holder === undefined) this.#owners.set(local, { server, local })
        else conflicts.push({ server, local, heldBy: holder.server })
      }
    }
    this.conflicts = conflicts
  }

  nameOf(server: string, local: string): string | undefined {
    return this.#owners.get(local)?.server === server ? local : undefined
  }

  find(name: string): LocalName | undefined {
    return this.#owners.get(name)
  }
}

/**
 * Plain names where they say enough. All sides of a conflict get the prefix: a name never moves from one server's tool to
 * another's because a third came or went. A plain name that reads as another server's prefixed one gets a prefix too.
 */
class NamesByNeed implements NameTable {
  readonly conflicts: readonly NameConflict[] = []
  readonly #code: PrefixCode
  readonly #locals: ReadonlyMap<string, ReadonlySet<string> | undefined>
  /** By plain name: the only server that has it, or undefined where several do. */
  readonly #only = new Map<string, string | undefined>()

  constructor(code: PrefixCode, sources: readonly NameSource[]) {
    this.#code = code
    this.#locals = new Map(sources.map(({ server, locals }) => [server, locals]))
    for (const { server, locals } of sources) {
      for (const local of locals ?? [])
        this.#only.set(local, this.#only.has(local) ? undefined : server)
    }
  }

  nameOf(server: string, local: string): string {
    return this.#isPlain(server, local) ? local : this.#code.encode(server, local)
  }

  /** Takes the other form of a name too, as a client may remember it from before a server came or went. */
  find(name: string): LocalName | undefined {
    const only = this.#only.get(name)
    if (only !== undefined && this.#isPlain(only, name)) return { server: only, local: name }
    const decoded = this.#code.decode(name)
    // While a server is not known, a name that reads as its own is not taken for another's.
    if (decoded !== undefined && this.#locals.get(decoded.server)?.has(decoded.local) !== false)
      return decoded
    return only === undefined ? undefined : { server: only, local: name }
  }

  #isPlain(server: string, local: string): boolean {
    if (this.#only.get(local) !== server) return false
    const decoded = this.#code.decode(local)
    if (decoded === undefined) return true
    return decoded.server === server && this.#locals.get(server)?.has(decoded.local) === false
  }
}
