// What is reached by URL, servers and plugins alike, as far as a document says so, whatever else is wrong with it.
import { serverKind } from '../routing/options.ts'
import { type ClientTlsDocument, clientTlsSchema } from '../tls/index.ts'
import { endpointKind } from '../upstream/options-schema.ts'
import { salvage } from './draft.ts'
import type { Path } from './fault.ts'
import { memberOf } from './schema-walk.ts'
import type { WrongKey } from './upstream-tls-keys.ts'

export interface HttpEndpoint {
  readonly path: Path
  readonly url: URL
  readonly tls: ClientTlsDocument | undefined
}

/** A server by URL, or a plugin, which is one of a single endpoint. */
export interface HttpServer {
  readonly path: Path
  readonly kind: 'server' | 'plugin'
  /** As the key was written: plugins have other names for some. */
  readonly nameOf: (key: keyof ClientTlsDocument) => string
  /** What is wrong with a key, in such names. */
  readonly inWrittenNames: (wrong: WrongKey) => Omit<WrongKey, 'key'>
  /** False: its files are not looked at, and nothing is warned of. */
  readonly isInUse: boolean
  readonly tls: ClientTlsDocument | undefined
  readonly http2: boolean
  readonly allowsCleartext: boolean
  readonly endpoints: readonly HttpEndpoint[]
}

export function serversOf(value: unknown): readonly HttpServer[] {
  const servers = memberOf(value, 'servers')
  if (typeof servers !== 'object' || servers === null) return []
  return Object.entries(servers).flatMap(([name, server]) => {
    if (serverKind(server) !== 'http') return []
    const path = ['servers', name]
    const endpoints = memberOf(server, 'endpoints')
    return {
      path,
      kind: 'server',
      nameOf: (key) => key,
      inWrittenNames: ({ expected, got, mend }) => ({ expected, got, mend }),
      isInUse: true,
      tls: salvage(clientTlsSchema, memberOf(server, 'tls')),
      http2: memberOf(server, 'http2') === true,
      allowsCleartext: memberOf(server, 'allow_cleartext') === true,
      endpoints: Array.isArray(endpoints)
        ? endpoints.flatMap((endpoint, index) =>
            endpointOf(endpoint, [...path, 'endpoints', index]),
          )
        : [],
    }
  })
}

export function endpointOf(endpoint: unknown, path: Path): readonly HttpEndpoint[] {
  if (endpointKind(endpoint) !== 'http') return []
  const written = memberOf(endpoint, 'url')
  if (typeof written !== 'string' || !/^https?:/.test(written) || !URL.canParse(written)) return []
  const tls = salvage(clientTlsSchema, memberOf(endpoint, 'tls'))
  return [{ path, url: new URL(written), tls }]
}
