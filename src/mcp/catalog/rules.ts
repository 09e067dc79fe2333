// What of a server's tools is offered, and under which names: allow, deny and rename of the configuration, compiled. How the
// names of several servers are told apart is names.ts's business.
import type { ToolRuleOptions } from './options.ts'
import { globPattern, type Pattern } from './pattern.ts'

export class ToolRules {
  readonly #allow: readonly Pattern[] | undefined
  readonly #deny: readonly Pattern[]
  readonly #renamed: ReadonlyMap<string, string>
  readonly #original: ReadonlyMap<string, string>
  /** True when every tool is offered as it is. */
  readonly isEmpty: boolean

  constructor({ allow, deny, rename }: ToolRuleOptions) {
    this.#allow = allow?.map(globPattern)
    this.#deny = deny.map(globPattern)
    this.#renamed = rename
    this.#original = new Map([...rename].map(([from, to]) => [to, from]))
    this.isEmpty = allow === undefined && deny.length === 0 && rename.size === 0
  }

  /** The name under which the server's tool is offered; undefined: not at all. */
  offeredName(tool: string): string | undefined {
    if (this.isEmpty) return tool
    if (!this.#isAllowed(tool)) return undefined
    const renamed = this.#renamed.get(tool)
    if (renamed !== undefined) return renamed
    // The name was given to another tool.
    return this.#original.has(tool) ? undefined : tool
  }

  /** The server's own name of what is offered under this one; undefined: nothing is. */
  toolOf(offered: string): string | undefined {
    if (this.isEmpty) return offered
    const tool = this.#original.get(offered) ?? offered
    return this.offeredName(tool) === offered ? tool : undefined
  }

  #isAllowed(tool: string): boolean {
    if (this.#deny.some((pattern) => pattern.matches(tool))) return false
    return this.#allow === undefined || this.#allow.some((pattern) => pattern.matches(tool))
  }
}
