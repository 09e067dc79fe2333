// What the bench makes of its measurements: medians, ratios, the verdict, the rounds, the plan and the page. Nothing here
// looks at how long anything takes.
import { describe, expect, it } from 'vitest'
import { median, percentile, ratioSpread } from '../../bench/figures.ts'
import { renderPage } from '../../bench/page.ts'
import { BUDGET_CELL, fullPlan, quickPlan, type Cell, type Plan } from '../../bench/plan.ts'
import { processorSeconds } from '../../bench/processor-time.ts'
import { measureRounds, type Rig, type Sample } from '../../bench/rounds.ts'
import { foreignShare, judgeBudget, summarise } from '../../bench/summary.ts'
import type { NginxVersion } from '../../bench/target/nginx.ts'
import type { Target, TargetName } from '../../bench/target/target.ts'
import { until } from '../support/servers.ts'

const budgetCell = fullPlan().cells.find(({ key }) => key === BUDGET_CELL) as Cell

const sample = (target: TargetName, round: number, micros: number): Sample => ({
  cell: budgetCell,
  target,
  round,
  result: {
    count: 1_000,
    totalCount: 1_200,
    seconds: 0.5,
    processorSeconds: micros / 1_000,
    foreignSeconds: 0.1,
    latencyP50Ms: 1,
    latencyP99Ms: 2,
  },
})

describe('the figures', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[10, 9, 1, 2], 5.5],
  ])('take the middle of %j for the median', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('refuse to make up a median or a percentile of nothing', () => {
    expect(() => median([])).toThrow(RangeError)
    expect(() => percentile([], 50)).toThrow(RangeError)
  })

  it('take percentiles by nearest rank, sorting by value and not by digits', () => {
    const values = Array.from({ length: 100 }, (_, at) => 100 - at)
    expect([percentile(values, 50), percentile(values, 99), percentile(values, 100)]).toEqual([
      50, 99, 100,
    ])
    expect(percentile([7], 99)).toBe(7)
  })

  it('compare only what was measured in the same round', () => {
    const slow = new Map([
      [1, 20],
      [2, 60],
      [3, 30],
      [4, 1_000],
    ])
    const yardstick = new Map([
      [1, 10],
      [2, 20],
      [3, 30],
    ])
    expect(ratioSpread(slow, yardstick)).toEqual({ median: 2, lowest: 1, highest: 3 })
    expect(ratioSpread(slow, new Map())).toBeUndefined()
  })

  it('say what share of the machine other programs took', () => {
    expect(foreignShare([sample('direct', 1, 100), sample('nginx', 1, 100)], 2)).toBeCloseTo(0.1)
  })

  it('have processor time from the kernel, growing while a process works', async () => {
    const before = processorSeconds([process.pid])
    const hasGrown = (): boolean => processorSeconds([process.pid]) > before
    await until(hasGrown, 'processor time to grow')
    expect(hasGrown()).toBe(true)
  })
})

describe('the budget', () => {
  const judge = (...micros: number[]) =>
    judgeBudget(
      summarise(
        micros.flatMap((it, at) => [sample('node-proxy', at, 100), sample('sallyport', at, it)]),
        [budgetCell],
      ),
    )

  it('is met up to 1.3 times the plain Node proxy, by the median of the rounds', () => {
    expect(judge(130, 90, 500)).toEqual({
      isMet: true,
      line: 'PASS: processor time per call 1.30 × the plain Node proxy (0.90–5.00), budget 1.3 ×',
    })
  })

  it('is not met beyond that', () => {
    expect(judge(90, 131, 132).isMet).toBe(false)
  })

  it('is not met when the gateway or the yardstick was not measured', () => {
    expect(judgeBudget([]).isMet).toBe(false)
    expect(judgeBudget(summarise([sample('node-proxy', 1, 100)], [budgetCell])).isMet).toBe(false)
    expect(judgeBudget(summarise([sample('sallyport', 1, 100)], [budgetCell])).isMet).toBe(false)
  })
})

describe('the rounds', () => {
  const plan: Plan = { ...quickPlan(), cells: quickPlan().cells.slice(0, 2) }
  const targets = (['direct', 'node-proxy', 'sallyport'] as const).map(
    (name): Target => ({ name, ports: { http: 1, https: 2, http2: 3 }, pids: [], tidy: () => {} }),
  )

  /** A rig whose backend sees `seen` calls for each that was answered. */
  function fakeRig(seen: number): Rig {
    let callCount = 0
    return {
      targets,
      ca: '',
      companionPids: [],
      onProgress: () => {},
      backendCallCount: async () => callCount,
      load: async () => {
        callCount += seen
        return { ...sample('direct', 1, 1).result, totalCount: 1 }
      },
    }
  }

  it('measure every target in every row, as often as the row asks', async () => {
    const samples = await measureRounds(fakeRig(1), plan)
    const keys = samples.map(({ cell, target, round }) => `${round} ${cell.key} ${target}`)
    expect(new Set(keys).size).toBe(plan.cells.length * targets.length * 3)
    expect(keys).toHaveLength(plan.cells.length * targets.length * 3)
  })

  it.each([
    ['answers without asking the backend', 0],
    ['asks the backend twice', 2],
  ])('throw out a target that %s', async (_, seen) => {
    await expect(measureRounds(fakeRig(seen), plan)).rejects.toThrow(
      `1 calls were answered, but the backend saw ${seen}`,
    )
  })
})

describe('the plan', () => {
  const measuringSeconds = ({
    cells,
    firstWarmUpMs,
    warmUpMs,
    measureMs,
    idleMs,
  }: Plan): number => {
    const targets = new Set(cells.flatMap((cell) => cell.targets)).size
    const measurements = cells.reduce((sum, cell) => sum + cell.rounds * cell.targets.length, 0)
    const protocols = new Set(cells.map(({ protocol }) => protocol)).size
    const warmUps = (targets - 1) * (1 + (protocols - 1) / 3)
    return (warmUps * firstWarmUpMs + measurements * (warmUpMs + measureMs) + idleMs) / 1_000
  }

  it('covers both eras, HTTP and HTTPS, both sizes, one and 32 connections', () => {
    const keys = fullPlan().cells.map(({ key }) => key)
    for (const era of ['modern', 'legacy']) {
      for (const protocol of ['http', 'https']) {
        for (const size of ['1k', '64k']) {
          for (const connections of [1, 32]) {
            expect(keys).toContain(`${era}-${protocol}-${size}-${connections}`)
          }
        }
      }
    }
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('measures for less than ten minutes, or half a minute with --quick', () => {
    expect(measuringSeconds(fullPlan())).toBeLessThan(9 * 60)
    expect(measuringSeconds(quickPlan())).toBeLessThan(25)
  })

  it('has at least five rounds of every row', () => {
    expect(Math.min(...fullPlan().cells.map(({ rounds }) => rounds))).toBeGreaterThanOrEqual(5)
  })
})

describe('the page', () => {
  const render = (nginx: NginxVersion | undefined): string => {
    const cells = summarise(
      [sample('node-proxy', 1, 100), sample('sallyport', 1, 125)],
      [budgetCell],
    )
    return renderPage({
      machine: {
        processor: 'A Processor',
        coreCount: 2,
        node: 'v24.0.0',
        openssl: 'OpenSSL 3.5.0',
        undici: '8.0.0',
        nginx,
        sallyport: '0.1.0',
        isPinned: true,
      },
      plan: fullPlan(),
      cells,
      life: [],
      verdict: judgeBudget(cells),
      foreignShare: 0.07,
      config: 'listeners: []',
      lanes: { figures: [], verdicts: [] },
      tls: { handshakes: [], memory: [], config: 'listeners: []' },
    })
  }

  const nginx: NginxVersion = { nginx: 'nginx/1.22.1', openssl: 'OpenSSL 3.0.22' }

  it('says whether the budget was met, and shows the ratio with its range', () => {
    expect(render(nginx)).toContain('**PASS: processor time per call 1.25 ×')
    expect(render(nginx)).toContain('**1.25 (1.25–1.25)**')
  })

  it('has the sections about lanes and TLS before how it is measured', () => {
    const headings = render(nginx).match(/^## .*$/gm) ?? []
    expect(headings.slice(1, 5)).toEqual([
      '## Eras in between, several servers',
      '## Start, memory, idling',
      '## TLS: handshakes and idle connections',
      '## How it is measured',
    ])
  })

  it('says so when nginx was not measured', () => {
    expect(render(undefined)).toContain('nginx is not in this run')
    expect(render(nginx)).not.toContain('nginx is not in this run')
  })
})
