// Rules between the keys of a listener, and between the kinds of listeners and the rest of the file.
import { checkSecurityHeaders } from '../listener/options-schema.ts'
import { checkLoops } from './address-checks.ts'
import type { Finding } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import type { Path } from './fault.ts'
import type { ListenerDocument } from './schema.ts'

export function checkListeners(
  draft: Draft,
  isWritten: (path: Path) => boolean,
): readonly Finding[] {
  return [
    ...draft.listeners.flatMap(({ index, value }) => [
      ...checkRedirect(index, value),
      ...inSection(['listeners', index, 'security_headers'], value),
    ]),
    ...draft.passthroughs.flatMap(checkServerNames),
    ...checkLoops(draft),
    ...checkServed(draft, isWritten),
  ]
}

function checkRedirect(index: number, listener: ListenerDocument): Finding[] {
  const { tls, redirect_from: from, acme_challenge_dir: challenges } = listener
  const found: Finding[] = []
  if (from !== undefined && tls === undefined) {
    found.push({
      path: ['listeners', index, 'redirect_from'],
      expected: 'a listener with tls to redirect to',
      got: 'one without',
      mend: 'add tls, or remove redirect_from',
    })
  }
  if (challenges !== undefined && from === undefined) {
    found.push({
      path: ['listeners', index, 'acme_challenge_dir'],
      expected: 'redirect_from beside it, which serves the challenges',
      got: 'none',
      mend: 'add redirect_from, or remove acme_challenge_dir',
    })
  }
  return found
}

function inSection(section: Path, { tls, security_headers }: ListenerDocument): Finding[] {
  return checkSecurityHeaders(security_headers, tls !== undefined).map(({ path, ...problem }) => ({
    path: [...section, ...path],
    ...problem,
  }))
}

function checkServerNames({ index, value }: Draft['passthroughs'][number]): Finding[] {
  const firstWith = new Map<string, number>()
  return value.passthrough.flatMap(({ server_names: names }, at) =>
    names.flatMap((name, place): Finding[] => {
      const key = name.toLowerCase()
      const first = firstWith.get(key)
      if (first === undefined) {
        firstWith.set(key, at)
        return []
      }
      return [
        {
          path: ['listeners', index, 'passthrough', at, 'server_names', place],
          expected: 'a name that no other target has',
          got: `${JSON.stringify(name)}, which passthrough[${first}] has`,
          mend: 'remove one of the two',
        },
      ]
    }),
  )
}

/** Routes are on every listener that speaks HTTP: they are needed where there is one, and idle where there is none. */
function checkServed(draft: Draft, isWritten: (path: Path) => boolean): Finding[] {
  if (!draft.isMap) return []
  const { isPassingOnly } = draft
  return (['servers', 'routes'] as const).flatMap((key): Finding[] => {
    const [path, isThere] = [[key], isWritten([key])]
    if (isThere && isPassingOnly) {
      return [
        {
          path,
          expected: `no ${key} where every listener has passthrough`,
          got: 'some',
          mend: 'remove them, or add a listener that speaks HTTP',
        },
      ]
    }
    return isThere || isPassingOnly ? [] : [{ path, got: 'nothing', ...NEEDED[key] }]
  })
}

const NEEDED = {
  servers: {
    expected: 'a map with at least one server',
    mend: 'write: servers: {weather: {endpoints: [{url: "http://127.0.0.1:5051/mcp"}]}}',
  },
  routes: {
    expected: 'a list with at least one route',
    mend: 'write: routes: [{path: /mcp, servers: [weather]}]',
  },
}
