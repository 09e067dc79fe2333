// `npm run bench`: starts everything, measures, prints, and judges the budget. Exit codes: 0 met, 1 not met or not
// measured, 2 usage.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ChildProcess } from 'node:child_process'
import type { BackendPorts } from './backend.ts'
import { makeCertificate, type CertificateFiles } from './certificate.ts'
import { Children, nextMessage } from './children.ts'
import { measureLife, startTarget, type StartedTarget } from './life.ts'
import type { LoadResult } from './load/run-load.ts'
import { describeMachine, versionOf } from './machine.ts'
import { renderCell, renderPage } from './page.ts'
import { fullPlan, quickPlan, type Plan } from './plan.ts'
import { measureRounds, warmUp, type Rig } from './rounds.ts'
import { makeScratchFolder } from './scratch-folder.ts'
import { foreignShare, judgeBudget, summarise } from './summary.ts'
import { freePorts } from './target/free-ports.ts'
import { nginxRecipe, nginxVersion } from './target/nginx.ts'
import { nodeProxyRecipe } from './target/node-proxy.ts'
import { buildSallyport, sallyportConfig, sallyportRecipe } from './target/sallyport.ts'
import type { Target, TargetContext, TargetPorts, TargetRecipe } from './target/target.ts'

const USAGE = `usage: npm run bench -- [--quick] [--write] [--only TEXT] [--rounds N]
  --quick      a few rows in half a minute
  --write      write docs/reference/performance.md (full runs only)
  --only TEXT  only rows whose key contains TEXT, such as "modern-http-1k"
  --rounds N   that many rounds of each row`
const PAGE = join(import.meta.dirname, '../docs/reference/performance.md')
const EXIT_USAGE = 2
/** With more than this going on beside it, a run says more about the machine than about the targets. */
const MAX_FOREIGN_SHARE = 0.1

interface Options {
  readonly plan: Plan
  readonly write: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '' },
    },
  })
  const plan = values.quick ? quickPlan() : fullPlan()
  if (!/^(?:[1-9]\d?)?$/.test(values.rounds)) throw new TypeError('--rounds: expected 1 to 99')
  const cells = plan.cells
    .filter(({ key }) => key.includes(values.only))
    .map((cell) => (values.rounds === '' ? cell : { ...cell, rounds: Number(values.rounds) }))
  if (cells.length === 0) throw new TypeError(`--only: no row contains "${values.only}"`)
  if (values.write && (values.quick || values.only !== '' || values.rounds !== '')) {
    throw new TypeError('--write: the page is made of full runs only')
  }
  return { plan: { ...plan, cells }, write: values.write }
}

const say = (line: string): void => console.log(line)

/** Everything around the targets: the backend and the load generator, each a process. */
class Surroundings {
  readonly #backend: ChildProcess
  readonly #load: ChildProcess

  private constructor(backend: ChildProcess, load: ChildProcess) {
    this.#backend = backend
    this.#load = load
  }

  static async start(
    children: Children,
    { certFile, keyFile }: CertificateFiles,
  ): Promise<{ surroundings: Surroundings; direct: Target; ports: BackendPorts }> {
    const start = (entry: string, ...args: string[]): ChildProcess =>
      children.start({
        role: 'other',
        command: process.execPath,
        args: [join(import.meta.dirname, 'process', entry), ...args],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
    const backend = start('backend.ts', certFile, keyFile)
    const { ports } = await nextMessage<{ ports: BackendPorts }>(backend)
    const load = start('load.ts')
    await nextMessage(load)
    const direct: Target = {
      name: 'direct',
      ports: { ...ports, http2: ports.https },
      pids: [backend.pid as number],
      tidy: () => {},
    }
    return { surroundings: new Surroundings(backend, load), direct, ports }
  }

  rig(targets: readonly Target[], ca: string): Rig {
    return {
      targets,
      ca,
      companionPids: [this.#backend.pid as number],
      onProgress: (line) => console.error(line),
      load: async (order) => {
        const answer = nextMessage<{ result?: LoadResult; failure?: string }>(this.#load)
        this.#load.send(order)
        const { result, failure } = await answer
        if (result === undefined) throw new Error(failure)
        return result
      },
      backendCallCount: async () => {
        const answer = nextMessage<{ callCount: number }>(this.#backend)
        this.#backend.send('count')
        return (await answer).callCount
      },
    }
  }
}

async function startTargets(
  recipes: readonly TargetRecipe[],
  children: Children,
  starts: number,
): Promise<StartedTarget[]> {
  const started: StartedTarget[] = []
  for (const recipe of recipes) started.push(await startTarget(recipe, children, starts))
  return started
}

async function recipesOf(context: TargetContext): Promise<{
  recipes: TargetRecipe[]
  nginx: string | undefined
  sallyport: string
}> {
  const nginx = nginxVersion()
  if (nginx === undefined) say('nginx is left out: it is not installed (nginx-light)')
  const program = buildSallyport()
  const recipes = [nodeProxyRecipe(context, await threePorts())]
  if (nginx !== undefined) recipes.push(nginxRecipe(context, await twoPorts()))
  for (const hasAccessLog of [false, true]) {
    const name = hasAccessLog ? 'sallyport, access log' : 'sallyport'
    recipes.push(sallyportRecipe(context, await twoPorts(), { name, program, hasAccessLog }))
  }
  const version = versionOf('package.json')
  return { recipes, nginx, sallyport: `${version}, ${program.description}` }
}

async function threePorts(): Promise<TargetPorts> {
  const [http = 0, https = 0, http2 = 0] = await freePorts(3)
  return { http, https, http2 }
}

async function twoPorts(): Promise<TargetPorts> {
  const [http = 0, https = 0] = await freePorts(2)
  return { http, https, http2: https }
}

async function bench(
  { plan, write }: Options,
  folder: string,
  children: Children,
): Promise<boolean> {
  const certificate = makeCertificate(folder)
  const { surroundings, direct, ports } = await Surroundings.start(children, certificate)
  const context: TargetContext = { children, folder, certificate, backend: ports }
  const { recipes, nginx, sallyport } = await recipesOf(context)
  const wanted = new Set(plan.cells.flatMap((cell) => cell.targets))
  const started = await startTargets(
    recipes.filter(({ name }) => wanted.has(name)),
    children,
    plan.starts,
  )
  const targets = [direct, ...started.map(({ target }) => target)]
  const rig = surroundings.rig(targets, readFileSync(certificate.certFile, 'utf8'))
  await warmUp(rig, plan)
  const samples = await measureRounds(rig, plan)
  const cells = summarise(samples, plan.cells)
  const foreign = foreignShare(samples, cpus().length)
  const life = await measureLife(started, plan.idleMs)
  for (const figures of cells) say(`${renderCell(figures)}\n`)
  for (const { target, startMs, residentBytes, idleMillisPerSecond } of life) {
    const megabytes = (residentBytes / 1024 / 1024).toFixed(0)
    const idle = idleMillisPerSecond.toFixed(2)
    say(
      `${target}: first answer after ${startMs.toFixed(0)} ms, ${megabytes} MiB, idle ${idle} ms/s`,
    )
  }
  const verdict = judgeBudget(cells)
  const isDisturbed = foreign > MAX_FOREIGN_SHARE
  const advice = isDisturbed ? ': the figures are not to be trusted, measure again' : ''
  say(`other programs took ${(foreign * 100).toFixed(0)} % of the machine${advice}`)
  if (write && isDisturbed) say('docs/reference/performance.md is left as it was')
  else if (write) {
    const machine = describeMachine({ nginx, sallyport, isPinned: children.isPinned })
    const config = sallyportConfig(EXAMPLE.context, EXAMPLE.ports, false)
    mkdirSync(dirname(PAGE), { recursive: true })
    writeFileSync(
      PAGE,
      renderPage({ machine, plan, cells, life, verdict, foreignShare: foreign, config }),
    )
    say('wrote docs/reference/performance.md')
  }
  say(verdict.line)
  return verdict.isMet
}

/** Names and ports for the page, where those of the run would tell nothing. */
const EXAMPLE = {
  ports: { http: 8080, https: 8443, http2: 8443 },
  context: {
    certificate: { certFile: 'server.crt', keyFile: 'server.key' },
    backend: { http: 5051, https: 5052 },
  },
} as const

async function main(): Promise<void> {
  let options: Options
  try {
    options = readOptions()
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
