// The official conformance suite through the gateway for every pair of eras: clients of each revision, before a server that
// speaks one era only. What cannot be is listed check by check, and fails this test when it starts to pass.
import { beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { gatewayOptions, httpEndpoint } from '../support/gateway.ts'
import { renderErasPage, type EraRun, type Impossible } from './conformance-eras-page.ts'
import { runConformance, type ConformanceResult, type Revision } from './run-conformance.ts'

interface Pair {
  readonly requirements: Revision
  readonly server: 'legacy' | 'modern'
  readonly scoredScenarios: number
  /** Checks of scored scenarios that cannot pass: `scenario: check` and why. */
  readonly impossible: readonly Impossible[]
}

const PAIRS: readonly Pair[] = [
  { requirements: '2025-11-25', server: 'legacy', scoredScenarios: 30, impossible: [] },
  { requirements: '2026-07-28', server: 'modern', scoredScenarios: 37, impossible: [] },
  { requirements: '2025-11-25', server: 'modern', scoredScenarios: 30, impossible: [] },
  {
    requirements: '2026-07-28',
    server: 'legacy',
    scoredScenarios: 37,
    impossible: [
      {
        check: 'input-required-result-basic-elicitation: sep-2322-elicitation-incomplete',
        reason:
          'The suite wants the key that its server gave the question. On the wire of the legacy era a question has no key, so the gateway makes one up.',
      },
      {
        check: 'input-required-result-ignore-extra-params: sep-2322-ignore-unexpected-params',
        reason: 'The suite answers under the key that its server gave the question, as above.',
      },
      {
        check: 'server-stateless: sep-2575-server-rejects-undeclared-capability',
        reason:
          'A server of the legacy era that misses a capability of its client says so in the result of its tool, in words of its own.',
      },
      {
        check: 'server-stateless: sep-2575-missing-capability-http-400',
        reason: 'The suite looks at the status of that same answer.',
      },
    ],
  },
]

/** A run takes two to five seconds on an idle machine. */
const RUN_TIMEOUT_MS = 150_000
/** `check: message`, as the suite complains. */
const checkOf = (complaint: string): string => complaint.slice(0, complaint.indexOf(':'))

const runs: EraRun[] = []

async function runThrough({ requirements, server: eras }: Pair): Promise<ConformanceResult> {
  const server = await startEverythingServer({ eras })
  const gateway = await startGateway(
    gatewayOptions({ servers: { mcp: [httpEndpoint(server.url)] } }),
    { log: silentLog },
  )
  try {
    return await runConformance({ url: `${gateway.addresses[0]?.url}/mcp`, requirements })
  } finally {
    await gateway.stopNow()
    await server.close()
  }
}

describe.each(PAIRS)('requirements of $requirements, a server of the $server era', (pair) => {
  let run: ConformanceResult

  beforeAll(async () => {
    run = await runThrough(pair)
    runs.push({ ...pair, run })
  }, RUN_TIMEOUT_MS)

  it('tries every scenario that is scored', () => {
    const scored = run.scenarios.filter((scenario) => scenario.scored)
    expect(scored).toHaveLength(pair.scoredScenarios)
    expect(scored.filter(({ passed, failed }) => passed + failed === 0)).toEqual([])
  })

  it('fails exactly the checks that cannot pass', () => {
    const failed = run.scenarios
      .filter((scenario) => scenario.scored)
      .flatMap(({ name, complaints }) => complaints.map((it) => `${name}: ${checkOf(it)}`))
    expect(failed.toSorted()).toEqual(pair.impossible.map(({ check }) => check).toSorted())
  })
})

it('is what docs/reference/conformance-eras.md says', async () => {
  expect(runs).toHaveLength(PAIRS.length)
  await expect(renderErasPage(runs)).toMatchFileSnapshot('../../docs/reference/conformance-eras.md')
})
