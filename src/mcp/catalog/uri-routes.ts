// Which server a URI leads to, as far as the lists of resources and templates say. Built once per change of either.
import { Pattern, uriTemplatePattern } from './pattern.ts'
import type { OwnUri, UriCode } from './uri-code.ts'

/** What one server lists, in the order of the configuration. */
export interface UriSource {
  readonly server: string
  readonly uris: readonly string[]
  readonly templates: readonly string[]
}

interface TemplateRoute {
  readonly server: string
  readonly pattern: Pattern
}

export class UriRoutes {
  readonly #code: UriCode
  readonly #listed = new Map<string, string>()
  readonly #templateOwners = new Map<string, string>()
  /** The one with the most fixed text first: of two that match, it is the one that was meant. */
  readonly #templates: readonly TemplateRoute[]

  constructor(code: UriCode, sources: readonly UriSource[]) {
    this.#code = code
    const templates: TemplateRoute[] = []
    for (const { server, uris, templates: own } of sources) {
      for (const uri of uris) if (!this.#listed.has(uri)) this.#listed.set(uri, server)
      for (const template of own) {
        if (this.#templateOwners.has(template)) continue
        this.#templateOwners.set(template, server)
        templates.push({ server, pattern: uriTemplatePattern(template) })
      }
    }
    this.#templates = templates.toSorted((a, b) => b.pattern.literalChars - a.pattern.literalChars)
  }

  /** Where a client's URI leads; undefined when no list knows it. */
  find(uri: string): OwnUri | undefined {
    const unwrapped = this.#code.unwrap(uri)
    if (unwrapped !== undefined) return unwrapped
    const server =
      this.#listed.get(uri) ?? this.#templates.find(({ pattern }) => pattern.matches(uri))?.server
    return server === undefined ? undefined : { server, uri }
  }

  /** Where the template of a client's completion request leads. */
  findTemplate(template: string): OwnUri | undefined {
    const unwrapped = this.#code.unwrap(template)
    if (unwrapped !== undefined) return unwrapped
    const server = this.#templateOwners.get(template)
    return server === undefined ? this.find(template) : { server, uri: template }
  }

  /** As it is when that leads to the server, else wrapped. */
  exposeListed(own: OwnUri): string {
    return this.find(own.uri)?.server === own.server && this.#code.unwrap(own.uri) === undefined
      ? own.uri
      : this.#code.wrap(own)
  }

  exposeTemplate(own: OwnUri): string {
    const isFirst = this.#templateOwners.get(own.uri) === own.server
    return isFirst && this.#code.unwrap(own.uri) === undefined ? own.uri : this.#code.wrap(own)
  }
}
