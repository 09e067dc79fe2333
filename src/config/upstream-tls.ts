// TLS towards servers and plugins: where `servers.*.tls` and `endpoints[].tls` hold, whether their files can be used, and who may be
// called without TLS. What is in the files is tls's business.
import {
  type ClientTlsDocument,
  type MaterialPart,
  mergeClientTls,
  readClientMaterial,
  toClientTlsOptions,
  warnAboutClientTls,
} from '../tls/index.ts'
import { cleartextWarning, isCleartextAbroad } from '../upstream/index.ts'
import type { Finding, Remark } from './cross-checks.ts'
import type { Path } from './fault.ts'
import { type HttpEndpoint, type HttpServer, serversOf } from './http-servers.ts'
import { checkOtherNames, pluginServersOf } from './plugin-tls.ts'
import { checkClientTlsKeys, type WrongKey } from './upstream-tls-keys.ts'

type Key = keyof ClientTlsDocument
/** TLS as it holds at one endpoint or at several that have no keys of their own. */
interface Place {
  readonly tls: ClientTlsDocument
  /** Where the key that holds was written, or would be. */
  readonly pathOf: (key: Key) => Path
}

export interface UpstreamTlsContext {
  readonly resolvePath: (written: string) => string
  readonly nowMs: number
}

export function checkUpstreamTls(value: unknown, context: UpstreamTlsContext): readonly Finding[] {
  return [
    ...checkOtherNames(value),
    ...allOf(value).flatMap((server) => [
      ...checkCleartext(server),
      ...checkUse(server),
      ...placesOf(server).flatMap((place) => {
        const wrong = checkClientTlsKeys(place.tls)
        // What is in the files hangs on keys that are right.
        const isFit = wrong.length === 0 && server.isInUse
        const all = isFit ? checkFiles(place.tls, context) : wrong
        return all.map((each) => ({ path: place.pathOf(each.key), ...server.inWrittenNames(each) }))
      }),
    ]),
  ]
}

/** What is unsafe and was asked for. The gateway says the same at every start. */
export function upstreamTlsRemarks(
  value: unknown,
  { resolvePath }: Pick<UpstreamTlsContext, 'resolvePath'>,
): readonly Remark[] {
  return allOf(value)
    .filter(({ isInUse }) => isInUse)
    .flatMap((server) => [
      ...server.endpoints.flatMap(({ path, url }) =>
        cleartextWarning(url).map((message) => ({ path: [...path, 'url'], message })),
      ),
      ...placesOf(server).flatMap(({ tls, pathOf }) =>
        warnAboutClientTls(toClientTlsOptions(tls, resolvePath)).map(({ key, message }) => ({
          path: pathOf(key),
          message,
        })),
      ),
    ])
}

function allOf(value: unknown): readonly HttpServer[] {
  return [...serversOf(value), ...pluginServersOf(value)]
}

function placesOf({ path, tls: shared, nameOf, endpoints }: HttpServer): readonly Place[] {
  const secure = endpoints.filter(isSecure)
  const places: Place[] = []
  if (shared !== undefined && secure.some(({ tls }) => tls === undefined)) {
    places.push({ tls: shared, pathOf: (key) => [...path, 'tls', nameOf(key)] })
  }
  for (const { path: own, tls } of secure) {
    const merged = tls && mergeClientTls(shared, tls)
    if (tls === undefined || merged === undefined) continue
    const pathOf = (key: Key): Path => {
      const isShared = tls[key] === undefined && merged[key] !== undefined
      return [...(isShared ? path : own), 'tls', key]
    }
    places.push({ tls: merged, pathOf })
  }
  return places
}

function checkCleartext({ kind, allowsCleartext, endpoints }: HttpServer): readonly Finding[] {
  if (allowsCleartext) return []
  return endpoints
    .filter(({ url }) => isCleartextAbroad(url))
    .map(({ path, url }) => ({
      path: [...path, 'url'],
      expected: 'https:// to another machine',
      got: JSON.stringify(url.origin),
      mend: `use https://, or set allow_cleartext: true ${kind === 'server' ? 'on the server' : 'beside it'}`,
    }))
}

function isSecure({ url }: HttpEndpoint): boolean {
  return url.protocol === 'https:'
}

/** Keys that would do nothing. */
function checkUse({ path, tls, http2, endpoints }: HttpServer): readonly Finding[] {
  const found: Finding[] = []
  const onlyPlain = endpoints.length > 0 && !endpoints.some(isSecure)
  const got = 'http:// URLs only'
  if (onlyPlain && tls !== undefined) {
    const mend = 'use https:// in the URLs, or remove tls'
    found.push({ path: [...path, 'tls'], expected: 'tls only with https:// URLs', got, mend })
  }
  if (onlyPlain && http2) {
    const mend = 'use https:// in the URLs, or remove http2'
    found.push({ path: [...path, 'http2'], expected: 'HTTP/2 only with https:// URLs', got, mend })
  }
  for (const endpoint of endpoints) {
    if (isSecure(endpoint) || endpoint.tls === undefined) continue
    const mend = 'use https:// in the URL, or remove tls'
    const expected = 'tls only with an https:// URL'
    found.push({ path: [...endpoint.path, 'tls'], expected, got: 'an http:// URL', mend })
  }
  return found
}

const KEY_OF_PART: Readonly<Partial<Record<MaterialPart, Key>>> = {
  key: 'key_file',
  'key-password': 'key_password',
  'key-engine': 'key_engine',
  'key-identifier': 'key_identifier',
  pfx: 'pfx_file',
  'pfx-password': 'password',
  authorities: 'ca_cert',
  pins: 'pinned_certificates_file',
}

function checkFiles(
  tls: ClientTlsDocument,
  { resolvePath, nowMs }: UpstreamTlsContext,
): readonly WrongKey[] {
  const reading = readClientMaterial(toClientTlsOptions(tls, resolvePath), nowMs)
  if (reading.ok) return []
  return reading.problems.map(({ of, expected, got, mend }) => {
    return { key: KEY_OF_PART[of] ?? 'cert_file', expected, got, mend }
  })
}
