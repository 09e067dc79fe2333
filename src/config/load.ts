// From a file and the environment to GatewayOptions, or to every fault that could be found. The only reader of both.
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { systemClock } from '../core/index.ts'
import type { GatewayOptions } from '../gateway/options.ts'
import { crossCheck, type Finding, remarks } from './cross-checks.ts'
import { draftOf } from './draft.ts'
import { checkEndpoints } from './endpoint-checks.ts'
import type { Environment } from './expand.ts'
import { comparePlaces, type Fault, formatPath, type Path, type Warning } from './fault.ts'
import { toFaults } from './issues.ts'
import { applyOverrides } from './overrides.ts'
import type { Places } from './places.ts'
import { applyPluginVariables } from './plugin-variables.ts'
import { readText } from './read-text.ts'
import { typeReferences } from './references.ts'
import { configSchema } from './schema.ts'
import { checkTlsFiles, tlsRemarks } from './tls-files.ts'
import { type EffectiveDocument, toEffective, toGatewayOptions } from './to-options.ts'
import { checkUpstreamTls, upstreamTlsRemarks } from './upstream-tls.ts'
import { readYaml } from './yaml-source.ts'

export interface LoadRequest {
  /** As the user wrote it; faults name it so. */
  readonly file: string
  /** Default: the process's. */
  readonly env?: Environment
  /** Where a relative `file` starts. Default: the process's working folder. */
  readonly cwd?: string
}

export type LoadedConfig =
  | {
      readonly ok: true
      readonly options: GatewayOptions
      /** The file with every default and variable filled in, quantities as written. */
      readonly document: EffectiveDocument
      readonly warnings: readonly Warning[]
    }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/** Reads and checks the configuration. Faults are values; it throws only when the gateway itself is wrong. */
export function loadConfig({
  file,
  env = process.env,
  cwd = process.cwd(),
}: LoadRequest): LoadedConfig {
  const absolute = resolve(cwd, file)
  const text = readText(absolute, file)
  if (typeof text !== 'string') return { ok: false, faults: [text] }
  return check({ text, file, env, folder: dirname(absolute) })
}

interface Source {
  readonly text: string
  readonly file: string
  readonly env: Environment
  /** Of the file: relative paths in it start here. */
  readonly folder: string
}

function check({ text, file, env, folder }: Source): LoadedConfig {
  const resolvePath = (written: string): string => resolve(folder, written)
  const source = readYaml(text, file, env)
  const { places } = source
  const value = source.value ?? Object.create(null)
  const faults = [...source.faults]
  if (isMap(value)) {
    faults.push(...applyPluginVariables(env, { document: value, places }))
    faults.push(...applyOverrides(env, { schema: configSchema, document: value, places }))
  }
  typeReferences(configSchema, value, source.references)

  const endpointFindings = checkEndpoints(value)
  const parsed = configSchema.safeParse(value)
  const schemaFaults = toFaults(parsed.error?.issues ?? [], { schema: configSchema, value, places })
  const isJudged = (path: Path): boolean =>
    endpointFindings.some((finding) => finding.path.every((step, index) => path[index] === step))
  const fromSchema = schemaFaults.filter(({ path }) => !isJudged(path))

  if (source.brokenFromLine !== undefined) {
    // Behind a syntax error the parser guesses, so a key that seems to be missing may well be there.
    const line = source.brokenFromLine
    const certain = fromSchema.filter(({ fault, missing }) => !missing && isBefore(fault, line))
    return { ok: false, faults: inOrder([...faults, ...certain.map(({ fault }) => fault)]) }
  }
  const draft = draftOf(value)
  const nowMs = systemClock.nowMs()
  const isWritten = (path: Path): boolean => places.has(path)
  const findings = [
    ...endpointFindings,
    ...crossCheck(draft, isWritten),
    ...checkTlsFiles(draft, { resolvePath, nowMs, isWritten }),
    ...checkUpstreamTls(value, { resolvePath, nowMs }),
  ]
  faults.push(...fromSchema.map(({ fault }) => fault))
  faults.push(...findings.map((finding) => locate(finding, places)))
  if (!parsed.success || faults.length > 0) return { ok: false, faults: inOrder(faults) }

  const document = toEffective(parsed.data, defaultStateDir(env))
  const warnings = [
    ...remarks(draft),
    ...tlsRemarks(draft),
    ...upstreamTlsRemarks(value, { resolvePath }),
  ].map(({ path, message }) => {
    return { place: places.ofKey(path), path: formatPath(path), message }
  })
  const options = toGatewayOptions(document, { resolvePath, env })
  return {
    ok: true,
    options,
    document,
    warnings: warnings.toSorted((a, b) => comparePlaces(a.place, b.place)),
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBefore({ place }: Fault, line: number): boolean {
  return place.kind === 'variable' || (place.kind === 'file' && place.line < line)
}

function locate({ path, ...finding }: Finding, places: Places): Fault {
  return { place: places.ofValue(path), path: formatPath(path), ...finding }
}

/** One per place and path: an unset variable, say, also leaves the schema without its value. */
function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const first = new Map<string, Fault>()
  for (const fault of faults) {
    const key = `${fault.path} ${JSON.stringify(fault.place)}`
    if (!first.has(key)) first.set(key, fault)
  }
  return [...first.values()].toSorted((a, b) => comparePlaces(a.place, b.place))
}

/** XDG Base Directory Specification: a relative $XDG_STATE_HOME is to be ignored. */
function defaultStateDir(env: Environment): string {
  const { XDG_STATE_HOME: state, HOME: home } = env
  if (state !== undefined && isAbsolute(state)) return join(state, 'sallyport')
  return join(home !== undefined && isAbsolute(home) ? home : homedir(), '.local/state/sallyport')
}
