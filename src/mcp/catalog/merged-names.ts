// Tools and prompts of a view by name: what each is called for clients, and which server's tool a name means.
import type { Log } from '../../observability/index.ts'
import type { ViewOrigin } from '../view/server-view.ts'
import type { CatalogCache, CatalogueSet } from './catalog-cache.ts'
import { CATALOGUES } from './catalogue.ts'
import type { CatalogObserver } from './context.ts'
import { whenThere, type MaybeLater } from './maybe-later.ts'
import { Memo } from './memo.ts'
import { createNameTable, type NameConflict, type NameTable } from './name-table.ts'
import { PrefixCode, type LocalName } from './names.ts'
import type { NamingMode } from './options.ts'
import type { ToolRules } from './rules.ts'

export type NamedKind = 'tools' | 'prompts'

/** What a client's name stands for. */
export interface FoundName {
  /** Place of the server in the configuration. */
  readonly server: number
  /** The server's own name of it. */
  readonly name: string
}

/** `missing`: no server is known to have it, but some could not be asked. */
export type Lookup = FoundName | 'unknown' | 'missing'

export interface NamesOptions {
  readonly servers: readonly string[]
  /** By server. */
  readonly rules: readonly ToolRules[]
  readonly mode: NamingMode
  readonly cache: CatalogCache
  readonly log: Log
  readonly observer: CatalogObserver
}

/** Conflicts remembered as reported, so that each is said once. */
const MAX_REPORTED = 1_000
/** A name in the log is no longer than this. */
const MAX_LOGGED_CHARS = 64

export class MergedNames {
  readonly #options: NamesOptions
  readonly #code: PrefixCode
  readonly #places: ReadonlyMap<string, number>
  readonly #tables = { tools: new Memo<NameTable>(), prompts: new Memo<NameTable>() }
  readonly #reported = new Map<string, NameConflict>()

  constructor(options: NamesOptions) {
    this.#options = options
    this.#code = new PrefixCode(options.servers)
    this.#places = new Map(options.servers.map((server, place) => [server, place]))
  }

  /** What was left out so far, as another server has the name. */
  get conflicts(): readonly NameConflict[] {
    return [...this.#reported.values()]
  }

  /** Waits for lists only where the name alone does not tell. */
  find(kind: NamedKind, name: string, origin: ViewOrigin): MaybeLater<Lookup> {
    const { servers, mode, cache } = this.#options
    if (servers.length === 1) return this.#own(kind, { server: servers[0] as string, local: name })
    if (mode === 'prefix') return this.#own(kind, this.#code.decode(name))
    return whenThere(cache.get(kind, origin), (set) => {
      const found = this.#own(kind, this.tableOf(kind, set).find(name))
      return found === 'unknown' && set.catalogues.includes(undefined) ? 'missing' : found
    })
  }

  /** A tool, where no list has to be read for it. */
  findByNameAlone(name: string): FoundName | undefined {
    const { servers, mode } = this.#options
    const [only = ''] = servers
    const isAlone = servers.length === 1
    if (!isAlone && mode !== 'prefix') return undefined
    const found = this.#own(
      'tools',
      isAlone ? { server: only, local: name } : this.#code.decode(name),
    )
    return typeof found === 'object' ? found : undefined
  }

  tableOf(kind: NamedKind, set: CatalogueSet): NameTable {
    const items = set.catalogues.map((it) => it?.items)
    return this.#tables[kind].get(set.key, items, () => this.#build(kind, set))
  }

  /** The name after the server's rules; undefined: not offered. */
  localName(kind: NamedKind, server: number, name: string): string | undefined {
    return kind === 'tools' ? this.#options.rules[server]?.offeredName(name) : name
  }

  #own(kind: NamedKind, found: LocalName | undefined): Lookup {
    const server = found && this.#places.get(found.server)
    if (found === undefined || server === undefined) return 'unknown'
    const { local } = found
    const name = kind === 'tools' ? this.#options.rules[server]?.toolOf(local) : local
    return name === undefined ? 'unknown' : { server, name }
  }

  #build(kind: NamedKind, { catalogues }: CatalogueSet): NameTable {
    const { servers, mode } = this.#options
    const { key } = CATALOGUES[kind]
    const sources = servers.map((server, place) => {
      const names = catalogues[place]?.items.map((it) =>
        this.localName(kind, place, it[key] as string),
      )
      return { server, locals: names && new Set(names.filter((it) => it !== undefined)) }
    })
    const table = createNameTable(servers.length === 1 ? 'keep' : mode, this.#code, sources)
    for (const conflict of table.conflicts) this.#report(kind, conflict)
    return table
  }

  #report(kind: NamedKind, conflict: NameConflict): void {
    const { log, observer } = this.#options
    const { method } = CATALOGUES[kind]
    const { server, local, heldBy } = conflict
    const key = JSON.stringify([kind, server, local])
    if (this.#reported.has(key) || this.#reported.size >= MAX_REPORTED) return
    this.#reported.set(key, conflict)
    observer.onConflict(server, method)
    const name = JSON.stringify(local.slice(0, MAX_LOGGED_CHARS))
    log.warn({ server, rpcMethod: method }, `${name} is left out: server ${heldBy} has that name`)
  }
}
