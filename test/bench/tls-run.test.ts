// A short run of the handshakes and the idle connections, with real processes: that its figures can be what they say they
// are. Which way they differ is looked at only where one thing contains the other.
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeCertificate } from '../../bench/certificate.ts'
import { Children } from '../../bench/children.ts'
import { measureIdle, measureTls, type Run } from '../../bench/parts.ts'
import { fullPlan, narrowed, type Plan } from '../../bench/plan.ts'
import { Surroundings } from '../../bench/surroundings.ts'
import { figuresFor } from '../../bench/tables.ts'
import { nginxVersion } from '../../bench/target/nginx.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const hasNginx = nginxVersion() !== undefined
const TARGETS = hasNginx
  ? (['node-proxy', 'nginx', 'sallyport'] as const)
  : (['node-proxy', 'sallyport'] as const)

/** Everything a run needs, for the rows whose key contains `text`. */
async function startRun(text: string, rounds: number, change: (plan: Plan) => Plan): Promise<Run> {
  const folder = temporaryFolder()
  // One core, so that nothing is pinned: the tests beside this one need both.
  const children = new Children(1)
  onTestFinished(() => children.endAll())
  const certificates = {
    p256: makeCertificate(folder, 'p256'),
    rsa2048: makeCertificate(folder, 'rsa2048'),
  }
  const entry = join(import.meta.dirname, '../../src/cli/bin.ts')
  return {
    plan: change(narrowed(fullPlan(), ({ key }) => key.includes(text), rounds)),
    children,
    folder,
    certificates,
    surroundings: await Surroundings.start(children, certificates.p256),
    program: { entry, description: 'from source' },
    hasNginx,
    onProgress: () => {},
  }
}

/** Starting processes and opening connections takes a while on a machine that is busy with other tests. */
const PATIENCE_MS = 60_000

describe('a short run', { timeout: PATIENCE_MS }, () => {
  it('finds that a full handshake with an RSA key costs more than a resumed one', async () => {
    const run = await startRun('tls-1.2-rsa2048', 3, (plan) => ({
      ...plan,
      handshakes: { ...plan.handshakes, inFlight: 4, firstWarmUpMs: 400, measureMs: 250 },
    }))
    const { figures, samples } = await measureTls(run)
    expect(figures.map(({ cell }) => cell.key)).toEqual([
      'tls-1.2-rsa2048-full',
      'tls-1.2-rsa2048-resumed',
    ])
    expect(samples).toHaveLength(3 * 2 * TARGETS.length)
    for (const name of TARGETS) {
      const [full, resumed] = figures.map(({ targets }) => figuresFor(targets, name))
      expect(full?.processorMicrosEach, name).toBeGreaterThan(resumed?.processorMicrosEach ?? NaN)
      expect(resumed?.processorMicrosEach, name).toBeGreaterThan(0)
      expect(full?.processorRatio === undefined, name).toBe(!hasNginx)
    }
  })

  it('finds that idle connections hold memory', async () => {
    const run = await startRun('memory-https', 1, (plan) => ({
      ...plan,
      memory: { ...plan.memory, warmUpCount: 40, firstCount: 60, moreCount: 300, settleMs: 100 },
    }))
    const [figures, ...others] = await measureIdle(run)
    expect(others).toEqual([])
    expect(figures?.targets.map(({ target }) => target)).toEqual(TARGETS)
    for (const { target, bytesPerConnection } of figures?.targets ?? []) {
      // A connection is more than its number, and less than a place to put whole bodies.
      expect(bytesPerConnection, target).toBeGreaterThan(1_024)
      expect(bytesPerConnection, target).toBeLessThan(1_024 * 1_024)
    }
  })
})
