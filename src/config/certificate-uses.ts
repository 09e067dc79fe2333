// Which files of certificates a configuration names, for the commands that make and check them. Those run when the files are
// missing or expired, which loadConfig calls faults, so the document is read without its rules: what it means by its keys,
// nothing else.
import { dirname, resolve } from 'node:path'
import { parseAddress } from '../listener/options-schema.ts'
import type { Environment } from './expand.ts'
import { type Fault, formatPath, type Path } from './fault.ts'
import { applyOverrides } from './overrides.ts'
import { applyPluginVariables } from './plugin-variables.ts'
import { readText } from './read-text.ts'
import { configSchema } from './schema.ts'
import { memberOf } from './schema-walk.ts'
import { readYaml } from './yaml-source.ts'

/** A file that holds certificates or a list of revoked ones. */
export interface CertificateUse {
  /** `listeners[0].tls.cert_file`. */
  readonly path: string
  readonly file: string
  /** Of a PKCS#12 file. */
  readonly password: string | undefined
}

/** A certificate with its key, as `tls` of a listener, a server or a plugin names them. */
export interface PairUse {
  /** `listeners[0].tls`. */
  readonly path: string
  readonly purpose: 'server' | 'client'
  readonly certFile: string
  readonly keyFile: string
  readonly keyPassword: string | undefined
  /** What clients call the listener. Undefined: the document does not say. */
  readonly hosts: readonly string[] | undefined
}

/** A file of authorities to trust. */
export interface AuthorityUse {
  readonly path: string
  readonly file: string
}

export type CertificateUses =
  | {
      readonly ok: true
      readonly files: readonly CertificateUse[]
      readonly pairs: readonly PairUse[]
      readonly authorities: readonly AuthorityUse[]
      /** Names of the plugins, whose servers need certificates too. */
      readonly plugins: readonly string[]
    }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/** The other names are those that plugins have for them. */
const CERT_KEYS = ['cert_file', 'certfile']
const KEY_KEYS = ['key_file', 'keyfile']
const KEY_PASSWORD_KEYS = ['key_password', 'keyfile_password']
const AUTHORITY_KEYS = ['client_ca_file', 'ca_cert', 'ca_bundle']
const FILE_KEYS = [...CERT_KEYS, 'pfx_file', 'crl_file', ...AUTHORITY_KEYS]

export interface UsesRequest {
  readonly file: string
  /** Default: the process's. */
  readonly env?: Environment
}

export function readCertificateUses({ file, env = process.env }: UsesRequest): CertificateUses {
  const absolute = resolve(file)
  const text = readText(absolute, file)
  if (typeof text !== 'string') return { ok: false, faults: [text] }
  const { value, places, faults } = readYaml(text, file, env)
  if (faults.length > 0) return { ok: false, faults }
  const document = (value ?? {}) as Record<string, unknown>
  const wrong = [
    ...applyPluginVariables(env, { document, places }),
    ...applyOverrides(env, { schema: configSchema, document, places }),
  ]
  if (wrong.length > 0) return { ok: false, faults: wrong }
  const maps = [...mapsIn(document, [])].filter(({ path }) => path.includes('tls'))
  const at = (written: string): string => resolve(dirname(absolute), written)
  const files = maps.flatMap(({ path, map }) => filesOf(path, map, at))
  return {
    ok: true,
    files,
    pairs: maps.flatMap(({ path, map }) => pairOf(document, path, map, at) ?? []),
    authorities: files.filter(({ path }) => AUTHORITY_KEYS.some((key) => path.endsWith(`.${key}`))),
    plugins: pluginsIn(document),
  }
}

function pluginsIn(document: unknown): readonly string[] {
  const plugins = memberOf(document, 'plugins')
  if (!Array.isArray(plugins)) return []
  const names = plugins.map((plugin: unknown) => memberOf(plugin, 'name'))
  return names.filter((name) => typeof name === 'string')
}

interface FoundMap {
  readonly path: Path
  readonly map: Readonly<Record<string, unknown>>
}

function* mapsIn(value: unknown, path: Path): Generator<FoundMap> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield { path, map: value as Record<string, unknown> }
  for (const [key, member] of Object.entries(value)) {
    yield* mapsIn(member, [...path, Array.isArray(value) ? Number(key) : key])
  }
}

type At = (written: string) => string

/** What the first of these keys says that says anything. */
function textAt(map: FoundMap['map'], ...keys: readonly string[]): string | undefined {
  const values = keys.map((key) => map[key])
  return values.find((value) => typeof value === 'string' && value !== '') as string | undefined
}

function filesOf(path: Path, map: FoundMap['map'], at: At): readonly CertificateUse[] {
  return FILE_KEYS.flatMap((key) => {
    const written = textAt(map, key)
    if (written === undefined) return []
    const password = key === 'pfx_file' ? textAt(map, 'password') : undefined
    return [{ path: formatPath([...path, key]), file: at(written), password }]
  })
}

function pairOf(document: unknown, path: Path, map: FoundMap['map'], at: At): PairUse | undefined {
  const [cert, key] = [textAt(map, ...CERT_KEYS), textAt(map, ...KEY_KEYS)]
  const [top, index] = path
  if (cert === undefined || key === undefined) return undefined
  const isListener = top === 'listeners' && typeof index === 'number'
  return {
    path: formatPath(path),
    purpose: isListener ? 'server' : 'client',
    certFile: at(cert),
    keyFile: at(key),
    keyPassword: textAt(map, ...KEY_PASSWORD_KEYS),
    // Further certificates of a listener are chosen by the names that they have, so nothing but they know them.
    hosts:
      isListener && path.length === 3
        ? hostsOf(memberOf(memberOf(document, top), index))
        : undefined,
  }
}

function hostsOf(listener: unknown): readonly string[] {
  const listen = memberOf(listener, 'listen')
  const address = typeof listen === 'string' ? parseAddress(listen) : undefined
  const allowed = memberOf(listener, 'allowed_hosts')
  const external = memberOf(listener, 'external_url')
  const url = typeof external === 'string' && URL.canParse(external) ? new URL(external) : undefined
  const hosts = [
    ...(url === undefined ? [] : [url.hostname.replace(/^\[(.*)\]$/, '$1')]),
    ...(Array.isArray(allowed) ? allowed.filter((each) => typeof each === 'string') : []),
    ...(address === undefined ? [] : [address.host]),
  ]
  return hosts.filter((host) => !['', '0.0.0.0', '::'].includes(host))
}
