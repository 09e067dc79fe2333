// What `testssl` holds against a listener, by its own marks.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { converse, TESTSSL } from './tool.ts'
import type { Target } from './sighting.ts'

export interface Finding {
  readonly id: string
  /** `OK`, `INFO`, `WARN` (it could not find out), `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`. */
  readonly severity: string
  readonly finding: string
}

/** Versions, suites, forward secrecy, the server’s order, its certificate, and all vulnerabilities that it knows. */
export const EVERYTHING = ['-p', '-s', '-f', '-P', '-S', '-U']
/** What of it is quick and suffices to be found weak. */
export const QUICK = ['-p', '-f']

/** What is about the tool: its OpenSSL lacks an engine, and its client may leave before the ticket of TLS 1.3 comes. */
export const NOT_OURS: readonly string[] = ['engine_problem', 'sessionresumption_ticket']

/** A minute on an idle machine, for everything. */
const LIMIT_MS = 170_000

/**
 * It starts `openssl s_client` some seventy times, which each time reads all authorities of the system first: a quarter of the
 * script's time. Trust is judged by bundles of its own, and the authority that it is told.
 */
const ENVIRONMENT = { SSL_CERT_FILE: '/dev/null' }

const ACCEPTED = new Set(['OK', 'INFO'])

export async function runTestssl(
  { port, caFile }: Target,
  checks: readonly string[],
  folder: string,
): Promise<readonly Finding[]> {
  const report = join(folder, `testssl-${port}-${checks.join('')}-${randomUUID()}.json`)
  const style = ['--quiet', '--color', '0', '--warnings', 'off', '--sneaky']
  const lookup = ['--ip', '127.0.0.1', '--nodns', 'none']
  const files = ['--add-ca', caFile, '--jsonfile', report]
  const place = `https://localhost:${port}`
  const { output } = await converse(TESTSSL, [...style, ...lookup, ...files, ...checks, place], {
    limitMs: LIMIT_MS,
    env: { ...process.env, ...ENVIRONMENT },
  })
  const findings = JSON.parse(readFileSync(report, 'utf8')) as readonly Finding[]
  if (!findings.some(({ id }) => id === 'scanTime')) throw new Error(`testssl gave up:\n${output}`)
  return findings
}

export function weaknessesOf(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ id, severity }) => !ACCEPTED.has(severity) && !NOT_OURS.includes(id))
    .map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`)
}
