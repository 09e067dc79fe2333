// What the bench makes of its measurements of the lanes: the plan, the rounds, the verdicts and the section of the page.
// Nothing here looks at how long anything takes.
import { describe, expect, it } from 'vitest'
import { judgeLanes, LANE_BUDGETS } from '../../bench/lanes/budgets.ts'
import { measureLanes, type LaneRig } from '../../bench/lanes/lane-rounds.ts'
import {
  fullLanes,
  LANE_YARDSTICK,
  quickLanes,
  type LaneCell,
  type LanePlan,
} from '../../bench/lanes/plan.ts'
import { renderLanes } from '../../bench/lanes/section.ts'
import { LANE_CONFIGS } from '../../bench/lanes/targets.ts'
import { readOptions } from '../../bench/options.ts'
import { rowsOf } from '../../bench/plan.ts'
import type { Sample } from '../../bench/rounds.ts'
import { summarise } from '../../bench/summary.ts'
import type { LaneTargetName } from '../../bench/target/target.ts'

const plan = fullLanes()
const cellOf = (key: string): LaneCell => plan.cells.find((cell) => cell.key === key) as LaneCell

const sample = (key: string, target: LaneTargetName, round: number, micros: number) =>
  ({
    cell: cellOf(key),
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
  }) satisfies Sample<LaneCell>

/** All rows, with the straight lane at 100 µs. */
const samplesWith = (translating: number, merging: number, list: number) => [
  ...['lanes-modern-1k', 'lanes-legacy-1k', 'lanes-modern-64k'].flatMap((key) => [
    sample(key, 'straight lane', 1, 100),
    sample(key, 'translating', 1, translating),
    sample(key, 'merging', 1, merging),
    sample(key, 'merging legacy', 1, merging),
  ]),
  sample('lanes-list-whole', 'listing', 1, list),
]
const figuresWith = (...costs: Parameters<typeof samplesWith>) =>
  summarise(samplesWith(...costs), plan.cells, LANE_YARDSTICK)

describe('the plan for lanes', () => {
  it('has calls of both eras and sizes on all lanes, and the merged list', () => {
    for (const key of ['modern-1k', 'legacy-1k', 'modern-64k', 'legacy-64k']) {
      const { targets } = cellOf(`lanes-${key}`)
      expect(targets).toEqual(['straight lane', 'translating', 'merging', 'merging legacy'])
    }
    expect(cellOf('lanes-list-whole').targets).toEqual(['listing'])
  })

  it('has at least five rounds of every row', () => {
    expect(Math.min(...plan.cells.map(({ rounds }) => rounds))).toBeGreaterThanOrEqual(5)
  })

  it('adds less than two and a half minutes to a full run, and half of one to a quick one', () => {
    const seconds = ({ cells, firstWarmUpMs, warmUpMs, measureMs }: LanePlan): number => {
      const warmUps = cells
        .filter(({ ask }) => ask.kind === 'list' || ask.kib === 1)
        .reduce((sum, { targets }) => sum + targets.length, 0)
      const measured = cells.reduce((sum, { rounds, targets }) => sum + rounds * targets.length, 0)
      return (warmUps * firstWarmUpMs + measured * (warmUpMs + measureMs)) / 1_000
    }
    expect(seconds(plan)).toBeLessThan(150)
    expect(seconds(quickLanes())).toBeLessThan(30)
  })

  it('is chosen by its name, and a part of quick runs', () => {
    const keys = rowsOf(readOptions(['--only', 'lanes']).plan).map(({ key }) => key)
    expect(keys).toEqual(plan.cells.map(({ key }) => key))
    const quick = rowsOf(readOptions(['--quick', '--only', 'lanes']).plan).map(({ key }) => key)
    expect(quick).toEqual(['lanes-modern-1k', 'lanes-legacy-1k', 'lanes-list-whole'])
  })
})

describe('the rounds of the lanes', () => {
  const one: LanePlan = { ...plan, cells: [{ ...cellOf('lanes-modern-1k'), rounds: 2 }] }
  const list: LanePlan = { ...plan, cells: [{ ...cellOf('lanes-list-whole'), rounds: 1 }] }
  const names = ['straight lane', 'translating', 'merging', 'listing'] as const

  /** A rig whose servers see `calls` and `others` for each 1000 answers. */
  function fakeRig(calls: number, others: number): LaneRig & { readonly paths: Set<string> } {
    const seen = { callCount: 0, otherCount: 0 }
    const paths = new Set<string>()
    return {
      paths,
      targets: names.map((name) => ({ name, ports: { http: 1 }, pids: [], tidy: () => {} })),
      companionPids: [],
      onProgress: () => {},
      backendCounts: async () => ({ ...seen }),
      load: async ({ work }) => {
        paths.add(work.path)
        seen.callCount += calls
        seen.otherCount += others
        return { ...sample('lanes-modern-1k', 'merging', 1, 1).result, totalCount: 1_000 }
      },
    }
  }

  it('measure every lane of a row as often as the row asks', async () => {
    const samples = await measureLanes(fakeRig(1_000, 5), one)
    const keys = samples.map(({ target, round }) => `${round} ${target}`)
    expect(keys.toSorted()).toEqual([
      '1 merging',
      '1 straight lane',
      '1 translating',
      '2 merging',
      '2 straight lane',
      '2 translating',
    ])
  })

  it.each([
    ['answers calls without asking a server', one, 0, 0, 'but the servers saw 0'],
    ['sends calls twice', one, 2_000, 0, 'but the servers saw 2000'],
    ['looks something up for every call', one, 1_000, 1_000, 'were asked 1000 other things'],
    ['asks the servers for every list', list, 0, 20_000, 'were asked 20000 other things'],
  ])('throw out a lane that %s', async (_, rows, calls, others, message) => {
    await expect(measureLanes(fakeRig(calls, others), rows)).rejects.toThrow(message)
  })

  it('ask for a list at the route that has it', async () => {
    const rig = fakeRig(0, 0)
    await measureLanes(rig, list)
    expect(rig.paths).toEqual(new Set(['/whole']))
  })
})

describe('the budgets of the lanes', () => {
  const linesWith = (...costs: Parameters<typeof samplesWith>): string[] =>
    judgeLanes(figuresWith(...costs), plan.cells).map(({ line }) => line)

  it('are met up to their limits, as printed', () => {
    expect(linesWith(250.4, 150.4, 1_000.4)).toEqual([
      'PASS: a call of a modern client to a legacy server 2.50 × the straight lane (2.50–2.50), budget 2.5 ×',
      'PASS: a call of a legacy client to a modern server 2.50 × the straight lane (2.50–2.50), budget 2.5 ×',
      'PASS: a call of a modern client to one of several modern servers 1.50 × the straight lane (1.50–1.50), budget 1.5 ×',
      'PASS: a call of a legacy client to one of several modern servers 1.50 × the straight lane (1.50–1.50), budget 2.5 ×',
      'PASS: a call of a legacy client to one of several legacy servers 1.50 × the straight lane (1.50–1.50), budget 1.5 ×',
      'PASS: a merged list that is kept, whole 1000 µs, budget 1000 µs',
    ])
  })

  it.each<[readonly [number, number, number], string[]]>([
    [
      [251, 100, 500],
      ['FAIL', 'FAIL', 'PASS', 'PASS', 'PASS', 'PASS'],
    ],
    [
      [100, 151, 500],
      ['PASS', 'PASS', 'FAIL', 'PASS', 'FAIL', 'PASS'],
    ],
    [
      [100, 251, 500],
      ['PASS', 'PASS', 'FAIL', 'FAIL', 'FAIL', 'PASS'],
    ],
    [
      [100, 100, 1_001],
      ['PASS', 'PASS', 'PASS', 'PASS', 'PASS', 'FAIL'],
    ],
  ])('are not met beyond: %j', (costs, expected) => {
    expect(linesWith(...costs).map((line) => line.slice(0, 4))).toEqual(expected)
  })

  it('are not met by what was planned and not measured', () => {
    const verdicts = judgeLanes([], plan.cells)
    expect(verdicts.map(({ isMet }) => isMet)).toEqual(LANE_BUDGETS.map(() => false))
    expect(verdicts[0]?.line).toContain('was not measured')
  })

  it('are judged only where their row was asked for', () => {
    expect(judgeLanes([], [])).toEqual([])
    expect(judgeLanes([], [cellOf('lanes-list-whole')])).toHaveLength(1)
    expect(judgeLanes([], [cellOf('lanes-modern-64k')])).toEqual([])
  })
})

describe('the section about the lanes', () => {
  const figures = figuresWith(220, 140, 640)
  const verdicts = judgeLanes(figures, plan.cells)
  const text = renderLanes({ figures, verdicts }, plan).join('\n\n')

  it('shows what a call costs on each lane, with ratios', () => {
    expect(text).toContain(
      '| modern | 1 KiB | 100 µs | 220 µs | 2.20 (2.20–2.20) | 140 µs | 1.40 (1.40–1.40) |',
    )
  })

  it('shows what a merged list costs, and every verdict', () => {
    expect(text).toContain('| all 400 tools | 640 µs |')
    for (const { line } of verdicts) expect(text).toContain(`- **${line}**`)
  })

  it('shows the configurations that were used', () => {
    expect(text).toContain('{path: /modern, servers: [legacy]}')
    expect(text).toContain('{path: /legacy, servers: [notes, diaries]}')
  })
})

describe('the configurations of the lanes', () => {
  it('leave the straight lane to find out eras, and pin them for the others', () => {
    const at = { port: 1, backendPort: 2 }
    expect(LANE_CONFIGS['straight lane'](at)).not.toContain('protocol:')
    expect(LANE_CONFIGS.translating(at).match(/protocol: (?:modern|legacy)/g)).toEqual([
      'protocol: modern',
      'protocol: legacy',
    ])
    expect(LANE_CONFIGS.listing(at).match(/protocol: modern/g)).toHaveLength(20)
  })
})
