// `sallyport certs all`: everything that a plugin list and a configuration need and that is not there yet.
import {
  type CertificateAndKey,
  CertificateError,
  isTaken,
  issueAt,
  type PairFiles,
  parseSubjectName,
  placeOf,
  type SubjectName,
  unique,
  writeNewFile,
} from '../../certs/index.ts'
import {
  type CertificateUses,
  DEFAULT_PLUGIN_FILE,
  type PairUse,
  readCertificateUses,
  readCertsEnvironment,
  readExternalPlugins,
} from '../../config/index.ts'
import { existsSync } from 'node:fs'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { complain, print } from '../output.ts'
import type { CertsCall, CertsFlags } from './definition.ts'
import { tellFaults } from './faults.ts'
import { makeAt, makeAuthority, making, tell } from './make.ts'
import { readPassword } from './settings.ts'

const DEFAULT_CONFIG = 'sallyport.yaml'
const EXAMPLES = ['example-plugin-a', 'example-plugin-b']
const GATEWAY_NAME = 'mcp-gateway'

type Uses = Extract<CertificateUses, { readonly ok: true }>
const NO_USES: Uses = { ok: true, files: [], pairs: [], authorities: [], plugins: [] }

export async function all({ flags }: CertsCall): Promise<ExitCode> {
  const uses = readUses(flags)
  const plugins = uses === undefined ? undefined : readPlugins(flags, uses)
  if (uses === undefined || plugins === undefined) return exitCodes.config
  const places = [
    placeOf(flags.dir, 'gateway'),
    ...plugins.map((name) => placeOf(flags.dir, 'plugin', name)),
  ]
  readPassword(flags, 'password')
  const authority = await makeAuthority(flags)
  const run = { authority, flags: { ...flags, san: [], ip: [] }, names: [] }
  for (const place of places) await makeAt(place, run)
  const others = new Map(uses.pairs.map((pair) => [pair.certFile, pair]))
  for (const pair of others.values()) await makeUsed(pair, { authority, flags, uses })
  for (const { path, file } of uses.authorities) await copyAuthority(path, file, authority)
  return exitCodes.clean
}

/** Undefined when it has faults: they have been told. */
function readUses({ config }: CertsFlags): Uses | undefined {
  if (config === undefined && !existsSync(DEFAULT_CONFIG)) return NO_USES
  const file = config ?? DEFAULT_CONFIG
  const uses = readCertificateUses({ file })
  if (uses.ok) return uses
  tellFaults(file, uses.faults)
  return undefined
}

/** Those of the plugin list and those of the configuration. Undefined when the list has faults: they have been told. */
function readPlugins(flags: CertsFlags, uses: Uses): readonly string[] | undefined {
  const environment = readCertsEnvironment()
  if ('place' in environment) {
    tellFaults('the environment', [environment])
    return undefined
  }
  const asked = flags.pluginConfig ?? environment.pluginConfig
  const file = asked ?? DEFAULT_PLUGIN_FILE
  const plugins = readExternalPlugins(file)
  if (plugins.ok) {
    if (plugins.names.length === 0) complain(`${file}: no plugin of kind "external" in it`)
    return [...new Set([...plugins.names, ...uses.plugins])]
  }
  if (!plugins.isMissing || asked !== undefined) {
    tellFaults(file, plugins.faults)
    return undefined
  }
  if (uses !== NO_USES) return uses.plugins
  complain(`${file}: no such file; making certificates for ${EXAMPLES.join(' and ')} as examples`)
  return EXAMPLES
}

interface UsedMaking {
  readonly authority: CertificateAndKey
  readonly flags: CertsFlags
  readonly uses: Uses
}

/** At the paths that the configuration names, so that it works as it stands. */
async function makeUsed(pair: PairUse, { authority, flags, uses }: UsedMaking): Promise<void> {
  const { path, purpose, certFile, keyFile, keyPassword, hosts } = pair
  const ca = uses.authorities.find((each) => each.path.startsWith(`${path}.`))?.file
  const caFile = ca !== undefined && !existsSync(ca) ? ca : undefined
  const files: PairFiles = { label: path, certFile, keyFile, caFile }
  if (purpose === 'server' && hosts === undefined && !existsSync(certFile)) {
    complain(
      `warning: ${path}: not made, as the configuration does not say its names; make it with sallyport certs server, and name its files here`,
    )
    return
  }
  const names = purpose === 'server' ? serverNames(path, hosts ?? []) : clientNames()
  const issued = await issueAt({
    ...making(flags, files),
    authority,
    purpose,
    commonName: (names[0]?.value ?? GATEWAY_NAME).slice(0, 64),
    names,
    passwords: { key: keyPassword ?? readPassword(flags, 'password') },
  })
  tell(files, issued)
}

/** Those that clients use, and this machine's own, for whoever looks from here. */
function serverNames(path: string, hosts: readonly string[]): readonly SubjectName[] {
  const own = ['localhost', '127.0.0.1', '::1']
  const fit = [...hosts, ...own].flatMap((host) => {
    try {
      return parseSubjectName(host)
    } catch (thrown) {
      if (!(thrown instanceof CertificateError)) throw thrown
      complain(`warning: ${path}: ${thrown.message}`)
      return []
    }
  })
  return unique(fit)
}

function clientNames(): readonly SubjectName[] {
  return [{ kind: 'dns', value: GATEWAY_NAME }]
}

async function copyAuthority(
  path: string,
  file: string,
  authority: CertificateAndKey,
): Promise<void> {
  try {
    await writeNewFile({ path: file, content: authority.certPem })
    print(`${path}:`)
    print(`   Written: ${file} (the authority's certificate)`)
  } catch (thrown) {
    if (!isTaken(thrown)) throw thrown
  }
}
