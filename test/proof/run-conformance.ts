// Runs the official MCP conformance suite against a server address and reads what it wrote. Which server stands there, and
// which results are good enough, is left to the tests.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import * as z from 'zod'

export type Revision = '2025-11-25' | '2026-07-28'

interface ConformanceOptions {
  /** Address of the MCP endpoint, for example `http://127.0.0.1:3000/mcp`. */
  readonly url: string
  readonly requirements: Revision
  /** Where the suite leaves its files; without it they are read and removed again. Must be empty or absent. */
  readonly outDir?: string
  /** Added to the environment of the suite, for example `NODE_EXTRA_CA_CERTS`. */
  readonly env?: Readonly<Record<string, string>>
  /** Time after which the suite is killed, in milliseconds; default 120 000. */
  readonly timeoutMs?: number
}

export interface ScenarioResult {
  readonly name: string
  /** Whether the revision requires the scenario; the others are run and reported only. */
  readonly scored: boolean
  readonly passed: number
  readonly failed: number
  readonly warnings: number
  readonly skipped: number
  /** `check-id: message` of every check that failed or warned. */
  readonly complaints: readonly string[]
}

export interface ConformanceResult {
  /** In the order of their names. A scored scenario that left no result is listed with no checks at all. */
  readonly scenarios: readonly ScenarioResult[]
  /** 0 when every scored scenario passed; `null` when the suite was killed. */
  readonly exitCode: number | null
  readonly durationMs: number
  /** What the suite printed, for the message of a failing test. */
  readonly output: string
}

const packageDir = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/', import.meta.url),
)

/** The output of a run is about 10 kB; of a runaway one only the end is of interest. */
const maxOutputChars = 200_000

export async function runConformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const outDir = options.outDir ?? (await mkdtemp(path.join(tmpdir(), 'conformance-')))
  try {
    const startedAtMs = performance.now()
    const { exitCode, output } = await runSuite(options, outDir)
    const durationMs = Math.round(performance.now() - startedAtMs)
    const scenarios = await readScenarios(outDir, await scoredScenarios(options.requirements))
    if (scenarios.every(({ passed, failed }) => passed + failed === 0)) {
      throw new Error(`the conformance suite tested nothing, exit code ${exitCode}:\n${output}`)
    }
    return { scenarios, exitCode, durationMs, output }
  } finally {
    if (options.outDir === undefined) await rm(outDir, { recursive: true, force: true })
  }
}

async function runSuite(options: ConformanceOptions, outDir: string) {
  const { url, requirements, env, timeoutMs = 120_000 } = options
  const script = path.join(packageDir, 'dist/index.js')
  const args = ['server', '--url', url, '--requirements', requirements, '-o', outDir]
  const suite = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-maxOutputChars)
  }
  suite.stdout.setEncoding('utf8').on('data', keep)
  suite.stderr.setEncoding('utf8').on('data', keep)
  await once(suite, 'close')
  return { exitCode: suite.exitCode, output }
}

const requirementsSchema = z.object({ server: z.array(z.string()) })

/** The names that the suite itself counts, read from the file it reads them from. */
async function scoredScenarios(revision: Revision): Promise<ReadonlySet<string>> {
  const file = path.join(packageDir, 'requirements', `${revision}.yaml`)
  return new Set(requirementsSchema.parse(parse(await readFile(file, 'utf8'))).server)
}

const checksSchema = z.array(
  z.object({
    id: z.string(),
    status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
    errorMessage: z.string().optional(),
  }),
)

/** A run leaves one folder per scenario: `server-<name>-<ISO time with dashes>/checks.json`. */
const resultFolder = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/

async function readScenarios(
  outDir: string,
  scored: ReadonlySet<string>,
): Promise<readonly ScenarioResult[]> {
  const folders = await readdir(outDir)
  const results = await Promise.all(
    folders.map(async (folder) => {
      const name = resultFolder.exec(folder)?.[1]
      if (name === undefined) return []
      const json = await readFile(path.join(outDir, folder, 'checks.json'), 'utf8')
      return [countChecks(name, scored.has(name), checksSchema.parse(JSON.parse(json)))]
    }),
  )
  const found = results.flat()
  const missing = [...scored].filter((name) => !found.some((result) => result.name === name))
  return [...found, ...missing.map((name) => countChecks(name, true, []))].toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}

function countChecks(
  name: string,
  scored: boolean,
  checks: z.infer<typeof checksSchema>,
): ScenarioResult {
  const count = (status: string) => checks.filter((check) => check.status === status).length
  const complaints = checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ id, errorMessage }) => `${id}: ${errorMessage ?? ''}`)
  return {
    name,
    scored,
    passed: count('SUCCESS'),
    failed: count('FAILURE'),
    warnings: count('WARNING'),
    skipped: count('SKIPPED'),
    complaints,
  }
}
