// What a merged view is made from: its members and its surroundings.
import type { Clock } from '../../core/index.ts'
import type { Log } from '../../observability/index.ts'
import type { Seal } from '../seal.ts'
import type { ServerView } from '../view/server-view.ts'
import type { CatalogOptions, ToolRuleOptions } from './options.ts'

/** One server of a merged view, in the order of the configuration. */
export interface CatalogMember {
  /** Of the server in the config: `[a-z0-9_-]`, unique in the view. */
  readonly name: string
  readonly view: ServerView
  readonly rules: ToolRuleOptions
}

/** Counts what an operator may want an alarm for. */
export interface CatalogObserver {
  /** A server's list could not be read, and answers go out without it. */
  onMissing(server: string, method: string): void
  /** A tool or prompt is left out, since a server before it has the name. */
  onConflict(server: string, method: string): void
}

export interface CatalogContext {
  /** Of the view: the route's path. Cursors of one are no good for another. */
  readonly name: string
  readonly options: CatalogOptions
  /** How the gateway calls itself to clients. */
  readonly serverInfo: { readonly name: string; readonly version: string }
  /** Seals cursors. */
  readonly seal: Seal
  readonly clock: Clock
  readonly log: Log
  readonly observer: CatalogObserver
  /** 0 to 1, for jitter. */
  readonly random: () => number
}
