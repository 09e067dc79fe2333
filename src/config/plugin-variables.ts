// `PLUGINS_CLIENT_MTLS_…`: what other gateways take from the environment for TLS to all of their plugins, over what the file
// says of each. `SALLYPORT__PLUGINS__…` sets a key of one plugin.
import { OTHER_TLS_NAMES } from '../plugins/options-schema.ts'
import type { Environment } from './expand.ts'
import type { Fault, Path } from './fault.ts'
import type { Places } from './places.ts'
import { memberOf } from './schema-walk.ts'

const PREFIX = 'PLUGINS_CLIENT_MTLS_'
const TEXTS = ['certfile', 'keyfile', 'keyfile_password', 'ca_bundle'] as const
const FLAGS = ['verify', 'check_hostname'] as const

/** As its readers in Python have it. */
const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
}

interface Setting {
  readonly key: (typeof TEXTS | typeof FLAGS)[number]
  readonly variable: string
  readonly value: string | boolean
}

export interface VariableTarget {
  /** Changed in place. */
  readonly document: unknown
  readonly places: Places
}

/** As in a shell, an empty variable counts as none. */
export function applyPluginVariables(
  env: Environment,
  { document, places }: VariableTarget,
): readonly Fault[] {
  const faults: Fault[] = []
  const settings: Setting[] = []
  for (const key of [...TEXTS, ...FLAGS]) {
    const variable = `${PREFIX}${key.toUpperCase()}`
    const text = Object.hasOwn(env, variable) ? (env[variable] ?? '') : ''
    if (text === '') continue
    const value = isFlag(key) ? WORDS[text.toLowerCase()] : text
    if (value === undefined) faults.push(noFlag(variable, text))
    else settings.push({ key, variable, value })
  }
  if (settings.length === 0) return faults
  for (const { mcp, path } of securePlugins(document)) {
    mcp['tls'] ??= Object.create(null)
    const tls = mcp['tls']
    // Something else than a map is a fault of its own.
    if (!isMap(tls)) continue
    for (const setting of settings) set(tls, setting, { path: [...path, 'tls'], places })
  }
  return faults
}

function isFlag(key: string): boolean {
  return FLAGS.some((flag) => flag === key)
}

type Container = Record<string, unknown>

interface SecurePlugin {
  readonly mcp: Container
  readonly path: Path
}

/** TLS for all is for those that have it. */
function securePlugins(document: unknown): readonly SecurePlugin[] {
  const plugins = memberOf(document, 'plugins')
  if (!Array.isArray(plugins)) return []
  return plugins.flatMap((plugin: unknown, index) => {
    const mcp = memberOf(plugin, 'mcp')
    const url = memberOf(mcp, 'url')
    if (!isMap(mcp) || typeof url !== 'string' || !url.startsWith('https:')) return []
    return [{ mcp, path: ['plugins', index, 'mcp'] }]
  })
}

function set(
  tls: Container,
  { key, variable, value }: Setting,
  { path, places }: { readonly path: Path; readonly places: Places },
): void {
  // What the file says by our name for it gives way as well.
  if (key !== 'check_hostname') delete tls[OTHER_TLS_NAMES[key]]
  tls[key] = value
  places.replace([...path, key], { kind: 'variable', variable })
}

function noFlag(variable: string, text: string): Fault {
  return {
    place: { kind: 'variable', variable },
    path: '',
    expected: 'true or false',
    got: JSON.stringify(text.slice(0, 20)),
    mend: 'write one of the two, or unset it',
  }
}

function isMap(value: unknown): value is Container {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
