// A short run of the lanes with the gateway itself, as processes: that its configurations make messages take the lane that the
// row is about, and that what comes out of it is right. Costs are not compared.
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { makeCertificate } from '../../bench/certificate.ts'
import { Children } from '../../bench/children.ts'
import { measureWorkingLane } from '../../bench/parts.ts'
import { fullPlan, narrowed } from '../../bench/plan.ts'
import { Surroundings } from '../../bench/surroundings.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Starting processes takes a while on a machine that is busy with other tests. */
const PATIENCE_MS = 60_000

it('gets right answers on every lane', { timeout: PATIENCE_MS }, async () => {
  const folder = temporaryFolder()
  // One core, so that nothing is pinned: the tests beside this one need both.
  const children = new Children(1)
  onTestFinished(() => children.endAll())
  const certificate = makeCertificate(folder)
  const plan = narrowed(fullPlan(), ({ key }) => key.startsWith('lanes-'), 1)
  const { figures, samples } = await measureWorkingLane({
    plan: {
      ...plan,
      lanes: { ...plan.lanes, connections: 4, firstWarmUpMs: 60, warmUpMs: 20, measureMs: 60 },
    },
    children,
    folder,
    certificates: { p256: certificate, rsa2048: certificate },
    surroundings: await Surroundings.start(children, certificate),
    program: {
      entry: join(import.meta.dirname, '../../src/cli/bin.ts'),
      description: 'from source',
    },
    hasNginx: false,
    onProgress: () => {},
  })
  expect(samples).toHaveLength(4 * 4 + 2)
  for (const { targets } of figures) {
    for (const { target, processorMicrosEach } of targets) {
      expect(processorMicrosEach, target).toBeGreaterThan(0)
    }
  }
})
