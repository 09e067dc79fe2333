// Which arguments of a server's tools travel as Mcp-Param-* headers, as the tool lists said that passed here. Kept per
// caller, because lists may differ with who asks.
import type { Clock, RawHeaders } from '../../../core/index.ts'
import {
  isObject,
  paramHeaders,
  scanParamHeaders,
  type JsonObject,
  type ParamHeader,
} from '../../../wire/index.ts'
import { AgedMap } from './aged-map.ts'

/** Callers of tools that have such headers; most tools have none, and take no place. */
const CALLERS = { maxEntries: 1_000, maxAgeMs: 86_400_000 }
const MAX_TOOLS_PER_CALLER = 1_000
const NONE: RawHeaders = []

export class ToolHeaders {
  readonly #byCaller: AgedMap<string, Map<string, readonly ParamHeader[]>>

  readonly #onFault: (tool: string, fault: string) => void

  /** `onFault`: a tool breaks the rules for annotations and was left out. */
  constructor(clock: Clock, onFault: (tool: string, fault: string) => void) {
    this.#byCaller = new AgedMap(CALLERS, clock)
    this.#onFault = onFault
  }

  /** The headers for a call of a tool; none when nothing is known of the tool. */
  headersOf(caller: string, params: JsonObject): RawHeaders {
    const tools = this.#byCaller.get(caller)
    const declared = tools?.get(params['name'] as string)
    return declared === undefined ? NONE : paramHeaders(declared, params['arguments'])
  }

  /**
   * Takes note of a page of a tool list. The page without the tools that cannot be called over HTTP: clients must drop
   * them (MCP 2026-07-28 transports §Custom headers), and those of the legacy era do not know of it.
   */
  learn(caller: string, page: JsonObject): JsonObject {
    const { tools } = page
    if (!Array.isArray(tools)) return page
    const kept = tools.filter((tool) => !isObject(tool) || this.#learnTool(caller, tool))
    return kept.length === tools.length ? page : { ...page, tools: kept }
  }

  #learnTool(caller: string, { name, inputSchema }: JsonObject): boolean {
    if (typeof name !== 'string') return true
    const { headers = [], fault } = scanParamHeaders(inputSchema)
    this.#remember(caller, name, headers)
    if (fault !== undefined) this.#onFault(name, fault)
    return fault === undefined
  }

  #remember(caller: string, name: string, headers: readonly ParamHeader[]): void {
    const known = this.#byCaller.get(caller)
    if (headers.length === 0) {
      known?.delete(name)
      return
    }
    if (known === undefined) this.#byCaller.set(caller, new Map([[name, headers]]))
    else if (known.has(name) || known.size < MAX_TOOLS_PER_CALLER) known.set(name, headers)
  }
}
