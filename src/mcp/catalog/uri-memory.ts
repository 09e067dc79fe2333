// URIs that results mention and no list does. Which server one came from is remembered for its caller, so that reading it
// leads back there; when another server mentions the same URI, that one's is wrapped.
import type { OwnUri, UriCode } from './uri-code.ts'
import type { UriRoutes } from './uri-routes.ts'

/** Mentions remembered per merged view; the oldest go first, and are then found by asking the servers in turn. */
const MAX_MENTIONS = 10_000

export class UriMemory {
  readonly #code: UriCode
  readonly #servers = new Map<string, string>()

  constructor(code: UriCode) {
    this.#code = code
  }

  /** The URI that the client sees for one that a server's result mentions. */
  expose(own: OwnUri, routes: UriRoutes | undefined, callerKey: string): string {
    if (this.#code.unwrap(own.uri) !== undefined) return this.#code.wrap(own)
    const known = routes?.find(own.uri)?.server ?? this.serverOf(own.uri, callerKey)
    if (known !== undefined) return known === own.server ? own.uri : this.#code.wrap(own)
    this.#remember(own, callerKey)
    return own.uri
  }

  serverOf(uri: string, callerKey: string): string | undefined {
    return this.#servers.get(keyOf(uri, callerKey))
  }

  #remember({ server, uri }: OwnUri, callerKey: string): void {
    if (this.#servers.size >= MAX_MENTIONS) {
      const oldest = this.#servers.keys().next()
      if (oldest.done !== true) this.#servers.delete(oldest.value)
    }
    this.#servers.set(keyOf(uri, callerKey), server)
  }
}

function keyOf(uri: string, callerKey: string): string {
  return `${callerKey}\n${uri}`
}
