// The rounds of the handshakes: as those of the calls, but nothing goes through to the backend. What could pass for a
// handshake without being one is ruled out by the load generator, and by what the gateway says it has turned away.
import type { LoadResult } from '../load/measure.ts'
import type { HandshakeOrder } from '../load/run-handshakes.ts'
import { interleave, type Sample } from '../rounds.ts'
import type { Target } from '../target/target.ts'
import type { Handshake } from './handshake.ts'
import type { HandshakeCell, HandshakePlan } from './plan.ts'
import { shedCount, type TlsPorts } from './targets.ts'

/** What the rounds need of the processes around them. */
export interface HandshakeRig {
  readonly targets: readonly Target<TlsPorts>[]
  /** PEM of the certificates. */
  readonly cas: Readonly<Record<Handshake['key'], string>>
  /** Of the backend, which is idle meanwhile. */
  readonly companionPids: readonly number[]
  handshakes(order: HandshakeOrder): Promise<LoadResult>
  onProgress(line: string): void
}

export async function warmUpHandshakes(rig: HandshakeRig, plan: HandshakePlan): Promise<void> {
  const first = plan.cells.find(({ handshake }) => handshake !== undefined)
  if (first === undefined) return
  for (const target of rig.targets) {
    rig.onProgress(`warming up ${target.name} for handshakes`)
    const period = { inFlight: plan.inFlight, warmUpMs: 0, measureMs: plan.firstWarmUpMs }
    await measureOnce(rig, target, first, period)
  }
}

export function measureHandshakes(
  rig: HandshakeRig,
  plan: HandshakePlan,
): Promise<Sample<HandshakeCell>[]> {
  return interleave(rig, plan.cells, (target, cell) => measureOnce(rig, target, cell, plan))
}

async function measureOnce(
  rig: HandshakeRig,
  target: Target<TlsPorts>,
  { key, handshake }: HandshakeCell,
  { inFlight, warmUpMs, measureMs }: Pick<HandshakePlan, 'inFlight' | 'warmUpMs' | 'measureMs'>,
): Promise<LoadResult> {
  const result = await rig
    .handshakes({
      port: handshake === undefined ? target.ports.http : target.ports[handshake.key],
      ca: handshake === undefined ? '' : rig.cas[handshake.key],
      handshake,
      inFlight,
      warmUpMs,
      measureMs,
      pids: target.pids,
      companionPids: rig.companionPids,
    })
    .catch((cause: unknown) => {
      throw new Error(`${target.name}, ${key}: ${String(cause)}`, { cause })
    })
  await refuseShedding(target, key)
  target.tidy()
  return result
}

/** A connection over budget is shaken hands with as well, to be told so: cheap, and not what is to be measured. */
async function refuseShedding({ name, ports }: Target<TlsPorts>, key: string): Promise<void> {
  if (ports.admin === undefined) return
  const shed = await shedCount(ports.admin)
  if (shed > 0) throw new Error(`${name}, ${key}: ${shed} connections were turned away`)
}
