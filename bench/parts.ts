// The four parts of a run, one after the other: calls, lanes, handshakes, idle connections. Each starts the targets it needs and
// ends them, so that none disturbs the next. A part without rows does nothing.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificateFiles } from './certificate.ts'
import type { Children } from './children.ts'
import { measureLanes, warmUpLanes, type LaneRig } from './lanes/lane-rounds.ts'
import { LANE_YARDSTICK, type LaneCell } from './lanes/plan.ts'
import { laneRecipes } from './lanes/targets.ts'
import { measureLife, startTarget, type LifeFigures, type StartedTarget } from './life.ts'
import type { Plan } from './plan.ts'
import { measureRounds, warmUp, type Rig, type Sample } from './rounds.ts'
import type { Row } from './row.ts'
import { summarise, type CellFigures } from './summary.ts'
import type { Surroundings } from './surroundings.ts'
import { freePorts } from './target/free-ports.ts'
import { nginxRecipe } from './target/nginx.ts'
import { nodeProxyListens, nodeProxyRecipe } from './target/node-proxy.ts'
import { sallyportConfig, sallyportRecipe, type SallyportProgram } from './target/sallyport.ts'
import type { AnyPorts, TargetContext, TargetPorts, TargetRecipe } from './target/target.ts'
import { measureHandshakes, warmUpHandshakes } from './tls/handshake-rounds.ts'
import { measureMemory, summariseMemory, type MemoryFigures } from './tls/idle-memory.ts'
import { TLS_YARDSTICK, type HandshakeCell } from './tls/plan.ts'
import { tlsRecipes, type TlsCertificates, type TlsPorts } from './tls/targets.ts'

export interface Run {
  readonly plan: Plan
  readonly children: Children
  readonly folder: string
  readonly certificates: TlsCertificates
  readonly surroundings: Surroundings
  readonly program: SallyportProgram
  readonly hasNginx: boolean
  readonly onProgress: (line: string) => void
}

/** The figures of the rows that were measured, and what they were made of. */
export interface Measured<R extends Row, F> {
  readonly figures: readonly F[]
  readonly samples: readonly Sample<R>[]
}

export interface MeasuredCalls extends Measured<Plan['cells'][number], CellFigures> {
  readonly life: readonly LifeFigures[]
}

export async function measureCalls(run: Run): Promise<MeasuredCalls> {
  const { plan, children, surroundings, certificates, onProgress } = run
  if (plan.cells.length === 0) return { figures: [], samples: [], life: [] }
  const wanted = new Set(plan.cells.flatMap((cell) => cell.targets))
  const recipes = (await callRecipes(run)).filter(({ name }) => wanted.has(name))
  const started = await startAll(recipes, children, plan.starts)
  const rig: Rig = {
    targets: [surroundings.direct, ...started.map(({ target }) => target)],
    ca: readFileSync(certificates.p256.certFile, 'utf8'),
    companionPids: surroundings.companionPids,
    onProgress,
    load: (order) => surroundings.measure({ calls: order }),
    backendCallCount: () => surroundings.backendCallCount(),
  }
  await warmUp(rig, plan)
  const samples = await measureRounds(rig, plan)
  const life = await measureLife(started, plan.idleMs)
  await endAll(started, children)
  return { figures: summarise(samples, plan.cells), samples, life }
}

async function callRecipes(run: Run): Promise<TargetRecipe[]> {
  const { program, hasNginx } = run
  const certificate = run.certificates.p256
  const context = contextOf(run, 'calls', certificate)
  const own = await threePorts()
  const recipes = [nodeProxyRecipe(context, own, nodeProxyListens(own, certificate))]
  if (hasNginx) {
    const ports = await twoPorts()
    const listens = [`${ports.http}`, `${ports.https} ssl http2`]
    recipes.push(nginxRecipe(context, ports, { servers: [{ certificate, listens }] }))
  }
  for (const name of ['sallyport', 'sallyport, access log'] as const) {
    const ports = await twoPorts()
    const config = sallyportConfig(context, ports, name !== 'sallyport')
    recipes.push(sallyportRecipe(context, ports, { name, program, config }))
  }
  return recipes
}

export async function measureWorkingLane(
  run: Run,
): Promise<Measured<LaneCell, CellFigures<LaneCell>>> {
  const { children, surroundings, program, onProgress } = run
  const plan = run.plan.lanes
  if (plan.cells.length === 0) return { figures: [], samples: [] }
  const names = [...new Set(plan.cells.flatMap((cell) => cell.targets))]
  const context = contextOf(run, 'lanes', run.certificates.p256)
  const recipes = await laneRecipes(context, program, names)
  // How long they take to start is no figure of theirs.
  const started = await Promise.all(recipes.map((it) => startTarget(it, children, 1)))
  const rig: LaneRig = {
    targets: names.map((name, at) => ({
      ...(started[at] as StartedTarget<AnyPorts>).target,
      name,
    })),
    companionPids: surroundings.companionPids,
    load: (order) => surroundings.measure({ lane: order }),
    backendCounts: () => surroundings.backendCounts(),
    onProgress,
  }
  await warmUpLanes(rig, plan)
  const samples = await measureLanes(rig, plan)
  await endAll(started, children)
  return { figures: summarise(samples, plan.cells, LANE_YARDSTICK), samples }
}

export async function measureTls(
  run: Run,
): Promise<Measured<HandshakeCell, CellFigures<HandshakeCell>>> {
  const { children, surroundings, onProgress } = run
  const plan = run.plan.handshakes
  if (plan.cells.length === 0) return { figures: [], samples: [] }
  const started = await startAll(await tlsRecipesOf(run, 'handshakes'), children, 1)
  const { p256, rsa2048 } = run.certificates
  const rig = {
    targets: started.map(({ target }) => target),
    cas: {
      p256: readFileSync(p256.certFile, 'utf8'),
      rsa2048: readFileSync(rsa2048.certFile, 'utf8'),
    },
    companionPids: surroundings.companionPids,
    handshakes: (order) => surroundings.measure({ handshakes: order }),
    onProgress,
  } satisfies Parameters<typeof measureHandshakes>[0]
  await warmUpHandshakes(rig, plan)
  const samples = await measureHandshakes(rig, plan)
  await endAll(started, children)
  return { figures: summarise(samples, plan.cells, TLS_YARDSTICK), samples }
}

export async function measureIdle(run: Run): Promise<readonly MemoryFigures[]> {
  const { children, surroundings, onProgress } = run
  const plan = run.plan.memory
  if (plan.cells.length === 0) return []
  const carryOut = async (order: Parameters<Surroundings['carryOut']>[0]): Promise<void> => {
    await surroundings.carryOut(order)
  }
  const samples = await measureMemory(
    {
      recipes: await tlsRecipesOf(run, 'idle'),
      children,
      ca: readFileSync(run.certificates.p256.certFile, 'utf8'),
      visit: (visit) => carryOut({ visit }),
      idle: (idle) => carryOut({ idle }),
      closeIdle: () => carryOut({ closeIdle: true }),
      onProgress,
    },
    plan,
  )
  return summariseMemory(samples, plan.cells)
}

function tlsRecipesOf(run: Run, part: string): Promise<TargetRecipe<TlsPorts>[]> {
  const { certificates, program, hasNginx } = run
  const context = contextOf(run, part, certificates.p256)
  return tlsRecipes({ context, certificates, program, hasNginx })
}

function contextOf(
  { children, folder, surroundings }: Run,
  part: string,
  certificate: CertificateFiles,
): TargetContext {
  return { children, folder: join(folder, part), certificate, backend: surroundings.ports }
}

async function startAll<P extends AnyPorts>(
  recipes: readonly TargetRecipe<P>[],
  children: Children,
  starts: number,
): Promise<StartedTarget<P>[]> {
  const started: StartedTarget<P>[] = []
  for (const recipe of recipes) started.push(await startTarget(recipe, children, starts))
  return started
}

async function endAll(
  started: readonly StartedTarget<AnyPorts>[],
  children: Children,
): Promise<void> {
  await Promise.all(started.map(({ child }) => children.end(child)))
}

async function threePorts(): Promise<TargetPorts> {
  const [http = 0, https = 0, http2 = 0] = await freePorts(3)
  return { http, https, http2 }
}

async function twoPorts(): Promise<TargetPorts> {
  const [http = 0, https = 0] = await freePorts(2)
  return { http, https, http2: https }
}
