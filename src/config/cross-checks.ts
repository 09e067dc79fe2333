// Rules that hang on more than one key. Each looks at what is usable of the document, whatever else is wrong with it.
import { toMs } from '../core/fields.ts'
import { offersHttp2, parseAddress } from '../listener/options-schema.ts'
import { checkAddresses } from './address-checks.ts'
import type { Draft } from './draft.ts'
import type { Path } from './fault.ts'
import { checkListeners } from './listener-checks.ts'
import { checkPlugins, pluginRemarks } from './plugin-checks.ts'
import { checkReach, isLoopbackAddress, remarksOnReach } from './reach-checks.ts'
import type { ListenerDocument } from './schema.ts'
import { suggest } from './suggest.ts'

/** A fault before its place is looked up. */
export interface Finding {
  readonly path: Path
  readonly expected: string
  readonly got: string
  readonly mend: string
}

/** A warning before its place is looked up. */
export interface Remark {
  readonly path: Path
  readonly message: string
}

type IsWritten = (path: Path) => boolean

export function crossCheck(draft: Draft, isWritten: IsWritten): readonly Finding[] {
  return [
    ...checkAddresses(draft),
    ...draft.listeners.flatMap(({ index, value }) => [
      ...checkHttp2(index, value),
      ...checkHosts(index, value.listen, knowsItsNames(value)),
    ]),
    ...checkReach(draft),
    ...checkListeners(draft, isWritten),
    ...checkTimeouts(draft, isWritten),
    ...checkRoutes(draft),
    ...checkPlugins(draft),
  ]
}

export function remarks(draft: Draft): readonly Remark[] {
  const routed = new Set(draft.routes.flatMap(({ value }) => value.servers))
  const found: Remark[] = draft.serverNames
    .filter((name) => !routed.has(name))
    .map((name) => ({ path: ['servers', name], message: 'no route leads to this server' }))
  for (const { index, value } of [...draft.listeners, ...draft.passthroughs]) {
    if (parseAddress(value.listen)?.host === '') {
      const message = `"${value.listen}" listens on all interfaces of this machine`
      found.push({ path: ['listeners', index, 'listen'], message })
    }
  }
  return [...found, ...pluginRemarks(draft), ...remarksOnReach(draft)]
}

function checkHttp2(index: number, { tls, http2 }: ListenerDocument): Finding[] {
  if (http2 !== true || offersHttp2({ tls })) return []
  const path = ['listeners', index, 'http2']
  if (tls === undefined) {
    const mend = 'add tls, or remove http2'
    const got = 'true on a plain-HTTP listener'
    return [{ path, expected: 'HTTP/2 only with tls', got, mend }]
  }
  const isOld = tls.min_version < '1.2'
  return [
    {
      path,
      expected: isOld
        ? 'HTTP/2 only with TLS 1.2 or newer (RFC 9113 §9.2)'
        : 'HTTP/2 only with an ECDHE suite of authenticated encryption (RFC 9113 §9.2.2)',
      got: isOld ? `min_version "${tls.min_version}"` : 'cipher_suites without one',
      mend: isOld ? 'remove http2, or raise min_version' : 'remove http2, or add such a suite',
    },
  ]
}

function knowsItsNames({ tls, allowed_hosts, external_url }: ListenerDocument): boolean {
  return tls !== undefined || allowed_hosts.length > 0 || external_url !== undefined
}

function checkHosts(index: number, listen: string, isNamed: boolean): Finding[] {
  if (isNamed || isLoopbackAddress(listen)) return []
  return [
    {
      path: ['listeners', index, 'allowed_hosts'],
      expected: 'at least one host name on a plain-HTTP listener beyond loopback',
      got: 'none',
      mend: 'write the names that clients use, like allowed_hosts: [mcp.example.com]',
    },
  ]
}

function checkTimeouts({ timeouts }: Draft, isWritten: IsWritten): Finding[] {
  if (timeouts === undefined) return []
  const { header_timeout: header, request_timeout: request } = timeouts
  if (toMs(request) >= toMs(header)) return []
  const path = ['limits', 'request_timeout']
  if (isWritten(path)) {
    const expected = `at least header_timeout, ${header}`
    return [
      { path, expected, got: JSON.stringify(request), mend: 'raise it, or lower header_timeout' },
    ]
  }
  return [
    {
      path: ['limits', 'header_timeout'],
      expected: `at most request_timeout, ${request}`,
      got: JSON.stringify(header),
      mend: 'lower it, or set request_timeout as well',
    },
  ]
}

function checkRoutes({ routes, serverNames }: Draft): Finding[] {
  const firstWith = new Map<string, number>()
  return routes.flatMap(({ index, value }) => {
    const found: Finding[] = []
    const first = firstWith.get(value.path)
    if (first === undefined) firstWith.set(value.path, index)
    else {
      found.push({
        path: ['routes', index, 'path'],
        expected: 'a path of its own',
        got: `${JSON.stringify(value.path)}, which routes[${first}] has`,
        mend: 'change it, or remove one of the two routes',
      })
    }
    for (const [at, name] of value.servers.entries()) {
      const earlier = value.servers.indexOf(name)
      if (earlier < at) {
        found.push({
          path: ['routes', index, 'servers', at],
          expected: 'every server once',
          got: `${JSON.stringify(name)}, which servers[${earlier}] is`,
          mend: 'remove it',
        })
      }
      if (serverNames.includes(name)) continue
      const near = suggest(name, serverNames)
      found.push({
        path: ['routes', index, 'servers', at],
        expected: 'the name of a server under servers',
        got: JSON.stringify(name),
        mend: near === undefined ? 'add the server' : `did you mean "${near}"?`,
      })
    }
    return found
  })
}
