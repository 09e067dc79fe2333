// The fixture server passes the official conformance suite by itself. Without this, a scenario that fails through the
// gateway could be the fixture's fault.

import { beforeAll, describe, expect, it } from 'vitest'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
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

describe.each(revisions)('the everything server on its own, $requirements', (revision) => {
  let run: ConformanceResult

  beforeAll(async () => {
    const server = await startEverythingServer()
    try {
      run = await runConformance({ url: server.url, requirements: revision.requirements })
    } finally {
      await server.close()
    }
  }, runTimeoutMs)

  it('passes every scenario that the revision requires', () => {
    const scored = run.scenarios.filter((scenario) => scenario.scored)

    expect(scored).toHaveLength(revision.scoredScenarios)
    expect(scored.filter((scenario) => scenario.passed === 0)).toEqual([])
    expect(scored.flatMap((scenario) => scenario.complaints)).toEqual([])
    expect(scored.reduce((sum, { passed }) => sum + passed, 0)).toBe(revision.scoredChecks)
    expect(run.exitCode).toBe(0)
  })

  it('passes every scenario that is run without being scored, but for tasks', () => {
    const unscored = run.scenarios.filter(({ name, scored }) => !scored && !outOfScope.test(name))

    expect(unscored).toHaveLength(3)
    expect(unscored.filter((scenario) => scenario.passed === 0)).toEqual([])
    expect(unscored.flatMap((scenario) => scenario.complaints)).toEqual([])
  })
})
