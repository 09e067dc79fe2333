// The page of conformance results, as Markdown.
import type { ConformanceResult, Revision, ScenarioResult } from './run-conformance.ts'

export interface Comparison {
  readonly requirements: Revision
  readonly direct: ConformanceResult
  readonly throughGateway: ConformanceResult
}

const HEAD = `# Conformance

What the official conformance suite (\`@modelcontextprotocol/conformance\` 0.2.0-alpha.12) finds when it talks to a server that serves
both eras, directly and through a gateway on its straight lane. Written by \`test/proof/conformance.test.ts\`, which fails when a run
says anything else. Checks are given as passed–failed.

The \`tasks-*\` scenarios are not scored: they try an extension that the server behind the gateway does not have.
`

export function renderConformancePage(comparisons: readonly Comparison[]): string {
  return [HEAD, ...comparisons.map(renderRevision)].join('\n')
}

function renderRevision({ requirements, direct, throughGateway }: Comparison): string {
  const rows = direct.scenarios.map((scenario) => {
    const other = throughGateway.scenarios.find(({ name }) => name === scenario.name)
    const scored = scenario.scored ? 'yes' : 'no'
    return `| ${scenario.name} | ${scored} | ${checks(scenario)} | ${checks(other)} |`
  })
  return `## Protocol version ${requirements}

Scored scenarios passed: ${summary(direct)} directly, ${summary(throughGateway)} through the gateway.

| scenario | scored | direct | through the gateway |
|---|---|---|---|
${rows.join('\n')}
`
}

function summary({ scenarios }: ConformanceResult): string {
  const scored = scenarios.filter((scenario) => scenario.scored)
  const passed = scored.filter((scenario) => scenario.failed === 0 && scenario.passed > 0)
  return `${passed.length} of ${scored.length}`
}

function checks(scenario: ScenarioResult | undefined): string {
  return scenario === undefined ? '–' : `${scenario.passed}–${scenario.failed}`
}
