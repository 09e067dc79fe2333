// The official conformance suite against the fixture server, directly and through the gateway: every scored scenario
// passes both ways, with the same number of checks. docs/reference/conformance.md is written from what is seen here.
import { beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { gatewayOptions, httpEndpoint } from '../support/gateway.ts'
import { renderConformancePage, type Comparison } from './conformance-page.ts'
import { runConformance, type ConformanceResult, type Revision } from './run-conformance.ts'

const revisions: readonly {
  readonly requirements: Revision
  readonly scoredScenarios: number
  readonly scoredChecks: number
}[] = [
  { requirements: '2025-11-25', scoredScenarios: 30, scoredChecks: 70 },
  { requirements: '2026-07-28', scoredScenarios: 37, scoredChecks: 120 },
]

/** A run takes two to four seconds on an idle machine. */
const runTimeoutMs = 150_000

/** The suite can try the tasks extension on servers that have none; no server of the SDK does. */
const outOfScope = /^tasks-/

const comparisons: Comparison[] = []

async function runBoth(requirements: Revision): Promise<Comparison> {
  const server = await startEverythingServer()
  // The suite speaks plain HTTP to loopback only: its DNS rebinding scenario wants exactly that.
  const gateway = await startGateway(
    gatewayOptions({ servers: { mcp: [httpEndpoint(server.url)] } }),
    { log: silentLog },
  )
  try {
    const direct = await runConformance({ url: server.url, requirements })
    const url = `${gateway.addresses[0]?.url}/mcp`
    const throughGateway = await runConformance({ url, requirements })
    return { requirements, direct, throughGateway }
  } finally {
    await gateway.stopNow()
    await server.close()
  }
}

describe.each(revisions)('protocol version $requirements', (revision) => {
  let comparison: Comparison

  beforeAll(async () => {
    comparison = await runBoth(revision.requirements)
    comparisons.push(comparison)
  }, 2 * runTimeoutMs)

  it.each([
    ['directly', (of: Comparison) => of.direct],
    ['through the gateway', (of: Comparison) => of.throughGateway],
  ] as const)('passes every scenario that is scored, %s', (_, pick) => {
    const run: ConformanceResult = pick(comparison)
    const scored = run.scenarios.filter((scenario) => scenario.scored)
    expect(scored).toHaveLength(revision.scoredScenarios)
    expect(scored.filter((scenario) => scenario.passed === 0)).toEqual([])
    expect(scored.flatMap((scenario) => scenario.complaints)).toEqual([])
    expect(scored.reduce((sum, { passed }) => sum + passed, 0)).toBe(revision.scoredChecks)
    expect(run.exitCode).toBe(0)
  })

  it('passes every scenario that is run without being scored, but for tasks', () => {
    for (const run of [comparison.direct, comparison.throughGateway]) {
      const unscored = run.scenarios.filter(({ name, scored }) => !scored && !outOfScope.test(name))
      expect(unscored).toHaveLength(3)
      expect(unscored.filter((scenario) => scenario.passed === 0)).toEqual([])
      expect(unscored.flatMap((scenario) => scenario.complaints)).toEqual([])
    }
  })

  it('counts the same checks both ways, scenario by scenario', () => {
    const counts = (run: ConformanceResult) =>
      run.scenarios.map(({ name, passed, failed, warnings }) => ({
        name,
        passed,
        failed,
        warnings,
      }))
    expect(counts(comparison.throughGateway)).toEqual(counts(comparison.direct))
  })
})

it('is what docs/reference/conformance.md says', async () => {
  expect(comparisons).toHaveLength(revisions.length)
  await expect(renderConformancePage(comparisons)).toMatchFileSnapshot(
    '../../docs/reference/conformance.md',
  )
})
