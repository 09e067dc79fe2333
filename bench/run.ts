// `npm run bench`: starts everything, measures, prints, and judges the budgets of the rows that were asked for. Exit codes:
// 0 all met, 1 one not met or none measured, 2 usage.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeCertificate } from './certificate.ts'
import { Children } from './children.ts'
import { judgeLanes } from './lanes/budgets.ts'
import { LANE_YARDSTICK } from './lanes/plan.ts'
import type { LifeFigures } from './life.ts'
import { describeMachine, versionOf } from './machine.ts'
import { readOptions, USAGE, type Options } from './options.ts'
import { renderPage, type Report } from './page.ts'
import { measureCalls, measureIdle, measureTls, measureWorkingLane, type Run } from './parts.ts'
import { BUDGET_CELL, YARDSTICK } from './plan.ts'
import { makeScratchFolder } from './scratch-folder.ts'
import { foreignShare, judgeBudget } from './summary.ts'
import { Surroundings } from './surroundings.ts'
import { renderCell } from './tables.ts'
import { nginxVersion } from './target/nginx.ts'
import { buildSallyport, sallyportConfig } from './target/sallyport.ts'
import { TLS_YARDSTICK } from './tls/plan.ts'
import { renderMemory } from './tls/section.ts'
import { tlsConfig } from './tls/targets.ts'

const PAGE = join(import.meta.dirname, '../docs/reference/performance.md')
const EXIT_USAGE = 2
/** With more than this going on beside it, a run says more about the machine than about the targets. */
const MAX_FOREIGN_SHARE = 0.1

const say = (line: string): void => console.log(line)

async function bench(
  { plan, write }: Options,
  folder: string,
  children: Children,
): Promise<boolean> {
  const certificates = {
    p256: makeCertificate(folder, 'p256'),
    rsa2048: makeCertificate(folder, 'rsa2048'),
  }
  const surroundings = await Surroundings.start(children, certificates.p256)
  const nginx = nginxVersion()
  if (nginx === undefined) say('nginx is left out: it is not installed (nginx-light)')
  const program = buildSallyport()
  const run: Run = {
    plan,
    children,
    folder,
    certificates,
    surroundings,
    program,
    hasNginx: nginx !== undefined,
    onProgress: (line) => console.error(line),
  }
  const calls = await measureCalls(run)
  for (const figures of calls.figures) {
    say(`${renderCell(figures, { what: 'call', yardstick: YARDSTICK })}\n`)
  }
  for (const figures of calls.life) say(renderLife(figures))
  const lanes = await measureWorkingLane(run)
  for (const figures of lanes.figures) {
    say(`\n${renderCell(figures, { what: 'call', yardstick: LANE_YARDSTICK })}`)
  }
  const handshakes = await measureTls(run)
  for (const figures of handshakes.figures) {
    say(`\n${renderCell(figures, { what: 'connection', yardstick: TLS_YARDSTICK })}`)
  }
  const memory = await measureIdle(run)
  for (const figures of memory) say(`\n${renderMemory(figures)}`)

  const verdict = judgeBudget(calls.figures)
  const laneVerdicts = judgeLanes(lanes.figures, plan.lanes.cells)
  const isAboutBudget = plan.cells.some(({ key }) => key === BUDGET_CELL)
  const verdicts = [...(isAboutBudget ? [verdict] : []), ...laneVerdicts]
  const samples = [...calls.samples, ...lanes.samples, ...handshakes.samples]
  // Idle connections alone are no matter of processor time.
  const foreign = samples.length === 0 ? 0 : foreignShare(samples, cpus().length)
  const isDisturbed = foreign > MAX_FOREIGN_SHARE
  const advice = isDisturbed ? ': the figures are not to be trusted, measure again' : ''
  if (samples.length > 0) {
    say(`\nother programs took ${(foreign * 100).toFixed(0)} % of the machine${advice}`)
  }
  if (write && isDisturbed) say('docs/reference/performance.md is left as it was')
  else if (write) {
    const sallyport = `${versionOf('package.json')}, ${program.description}`
    writePage({
      machine: describeMachine({ nginx, sallyport, isPinned: children.isPinned }),
      plan,
      cells: calls.figures,
      life: calls.life,
      verdict,
      foreignShare: foreign,
      lanes: { figures: lanes.figures, verdicts: laneVerdicts },
      tls: { handshakes: handshakes.figures, memory, config: EXAMPLE.tlsConfig },
      config: EXAMPLE.config,
    })
  }
  if (verdicts.length === 0) say('FAIL: no row with a budget was measured')
  for (const { line } of verdicts) say(line)
  return verdicts.length > 0 && verdicts.every(({ isMet }) => isMet)
}

function renderLife({ target, startMs, residentBytes, idleMillisPerSecond }: LifeFigures): string {
  const megabytes = (residentBytes / 1024 / 1024).toFixed(0)
  const idle = idleMillisPerSecond.toFixed(2)
  return `${target}: first answer after ${startMs.toFixed(0)} ms, ${megabytes} MiB, idle ${idle} ms/s`
}

function writePage(report: Report): void {
  mkdirSync(dirname(PAGE), { recursive: true })
  writeFileSync(PAGE, renderPage(report))
  say('wrote docs/reference/performance.md')
}

/** Names and ports for the page, where those of the run would tell nothing. */
const EXAMPLE_BACKEND = { http: 5051, https: 5052 }
const EXAMPLE_CERTIFICATE = { certFile: 'server.crt', keyFile: 'server.key' }
const EXAMPLE = {
  config: sallyportConfig(
    { certificate: EXAMPLE_CERTIFICATE, backend: EXAMPLE_BACKEND },
    { http: 8080, https: 8443, http2: 8443 },
    false,
  ),
  tlsConfig: tlsConfig(
    { http: 8080, p256: 8443, rsa2048: 8444, admin: 9443 },
    {
      p256: EXAMPLE_CERTIFICATE,
      rsa2048: { certFile: 'server-rsa.crt', keyFile: 'server-rsa.key' },
    },
    EXAMPLE_BACKEND,
  ),
} as const

async function main(): Promise<void> {
  let options: Options
  try {
    options = readOptions(process.argv.slice(2))
  } catch (thrown) {
    console.error(`${(thrown as Error).message}\n${USAGE}`)
    process.exitCode = EXIT_USAGE
    return
  }
  const children = new Children(cpus().length)
  const folder = makeScratchFolder(join(tmpdir(), 'sallyport-bench-'))
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  try {
    const isMet = await bench(options, folder, children)
    process.exitCode = isMet ? 0 : 1
  } catch (thrown) {
    console.error(thrown)
    process.exitCode = 1
  } finally {
    await children.endAll()
  }
}

await main()
