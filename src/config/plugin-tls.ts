// TLS towards plugins, for the checks of TLS towards servers: in the keys of those, and findings in the names that were written.
import {
  OTHER_TLS_NAMES,
  type PluginTlsDocument,
  pluginTlsSchema,
  toClientTlsKeys,
} from '../plugins/options-schema.ts'
import type { ClientTlsDocument } from '../tls/index.ts'
import type { Finding } from './cross-checks.ts'
import { salvage } from './draft.ts'
import type { Path } from './fault.ts'
import { endpointOf, type HttpServer } from './http-servers.ts'
import { memberOf } from './schema-walk.ts'
import type { WrongKey } from './upstream-tls-keys.ts'

/** Plugins as servers of one endpoint. */
export function pluginServersOf(value: unknown): readonly HttpServer[] {
  return pluginsIn(value).map(({ plugin, path: own, tls }) => {
    const mcp = memberOf(plugin, 'mcp')
    const path = [...own, 'mcp']
    const isOther = (key: string): boolean => {
      const name = otherName(key)
      return name !== undefined && tls?.[name] !== undefined
    }
    const nameOf = (key: keyof ClientTlsDocument): string =>
      isOther(key) ? (otherName(key) ?? key) : key
    return {
      path,
      kind: 'plugin',
      tls: tls && toClientTlsKeys(tls),
      nameOf,
      inWrittenNames: (wrong) => inWrittenNames(wrong, isOther),
      http2: memberOf(mcp, 'http2') === true,
      allowsCleartext: memberOf(mcp, 'allow_cleartext') === true,
      // Its server may not be there yet, and neither may its files.
      isInUse: memberOf(plugin, 'mode') !== 'disabled',
      endpoints: endpointOf({ url: memberOf(mcp, 'url') }, path),
    }
  })
}

/** Two names for the same key, of which one would do nothing. */
export function checkOtherNames(value: unknown): readonly Finding[] {
  return pluginsIn(value).flatMap(({ path, tls = {} }) =>
    Object.entries(OTHER_TLS_NAMES).flatMap(([other, own]): Finding[] => {
      if (tls[other as OtherName] === undefined || tls[own] === undefined) return []
      const expected = `either ${own} or ${other}`
      const mend = 'remove one of the two'
      return [{ path: [...path, 'mcp', 'tls', other], expected, got: 'both', mend }]
    }),
  )
}

type OtherName = keyof typeof OTHER_TLS_NAMES

interface FoundPlugin {
  readonly plugin: unknown
  readonly path: Path
  readonly tls: PluginTlsDocument | undefined
}

function pluginsIn(value: unknown): readonly FoundPlugin[] {
  const plugins = memberOf(value, 'plugins')
  if (!Array.isArray(plugins)) return []
  return plugins.map((plugin: unknown, index) => {
    const tls = memberOf(memberOf(plugin, 'mcp'), 'tls')
    return { plugin, path: ['plugins', index], tls: salvage(pluginTlsSchema, tls) }
  })
}

function otherName(key: string): OtherName | undefined {
  const names = Object.keys(OTHER_TLS_NAMES) as OtherName[]
  return names.find((name) => OTHER_TLS_NAMES[name] === key)
}

type Words = Omit<WrongKey, 'key'>

function inWrittenNames(
  { expected, got, mend, key }: WrongKey,
  isOther: (key: string) => boolean,
): Words {
  const reworded = (text: string): string =>
    text.replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) =>
      isOther(name) ? (otherName(name) ?? name) : name,
    )
  const words = { expected: reworded(expected), got: reworded(got), mend: reworded(mend) }
  if (key !== 'insecure_skip_verify' || !isOther(key)) return words
  // It says the opposite.
  return {
    ...words,
    expected: words.expected.replace(/^false /, 'true '),
    got: words.got.replace(/^true,/, 'false,'),
  }
}
