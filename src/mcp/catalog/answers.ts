// Answers that a merged view gives itself: results with who gives them and which servers are missing, and errors in the
// codes of the modern era.
import { GatewayError } from '../../core/index.ts'
import type { RpcError, ViewSink } from '../view/server-view.ts'
import { META, type JsonObject } from '../../wire/index.ts'
import type { CatalogueSet } from './catalog-cache.ts'

/** Member of `_meta` that lists the servers without which an answer had to do. */
export const MISSING_SERVERS = 'sallyport/missingServers'

const METHOD_NOT_FOUND = -32_601
const INVALID_PARAMS = -32_602

export const methodNotFound = (method: string): RpcError => ({
  code: METHOD_NOT_FOUND,
  message: `Method not found: ${method}`,
})

export const invalidParams = (message: string, data?: JsonObject): RpcError => ({
  code: INVALID_PARAMS,
  message,
  ...(data !== undefined && { data }),
})

/** Names of the servers whose list is not in the set. */
export function missingIn(set: CatalogueSet, servers: readonly string[]): string[] {
  return servers.filter((_, place) => set.catalogues[place] === undefined)
}

/** How long and for whom an answer may be kept that was made from the lists in a set. */
export function cachePolicyOf(set: CatalogueSet): {
  ttlMs: number
  cacheScope: 'public' | 'private'
} {
  const isWhole = !set.catalogues.includes(undefined)
  return {
    ttlMs: Math.floor(set.freshForMs),
    cacheScope: isWhole && set.isPublic ? 'public' : 'private',
  }
}

export function metaOf(serverInfo: JsonObject | undefined, missing: readonly string[]): JsonObject {
  return {
    ...(serverInfo !== undefined && { [META.serverInfo]: serverInfo }),
    ...(missing.length > 0 && { [MISSING_SERVERS]: missing }),
  }
}

/** Why nothing can be answered when not one server could be asked; undefined: some could. */
export function failureOfAll(set: CatalogueSet): GatewayError | RpcError | undefined {
  if (set.catalogues.some((it) => it !== undefined)) return undefined
  return (
    set.errors.find((it) => it !== undefined) ??
    new GatewayError('GW_UPSTREAM_UNREACHABLE', 'no server of the route could be asked')
  )
}

export function fail(sink: ViewSink, error: GatewayError | RpcError): void {
  if (error instanceof GatewayError) sink.onFailure(error)
  else sink.onError(error)
}
