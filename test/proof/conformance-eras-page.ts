// The page of conformance results between the eras, as Markdown.
import type { ConformanceResult, Revision, ScenarioResult } from './run-conformance.ts'

export interface Impossible {
  /** `scenario: check`, in the suite's names. */
  readonly check: string
  readonly reason: string
}

export interface EraRun {
  readonly requirements: Revision
  readonly server: 'legacy' | 'modern'
  readonly impossible: readonly Impossible[]
  readonly run: ConformanceResult
}

const HEAD = `# Conformance between the eras

What the official conformance suite (\`@modelcontextprotocol/conformance\` 0.2.0-alpha.12) finds when it talks through a gateway to a server that
speaks one era only: the suite's client of each revision, before a server of each era. Written by \`test/proof/conformance-eras.test.ts\`, which
fails when a run says anything else, above all when a check that is said to be impossible passes. Checks of the scored scenarios are
given as passed–failed.
`

export function renderErasPage(runs: readonly EraRun[]): string {
  const revisions = [...new Set(runs.map(({ requirements }) => requirements))]
  return [HEAD, ...revisions.map((revision) => renderRevision(revision, runs)), reasons(runs)].join(
    '\n',
  )
}

function renderRevision(revision: Revision, runs: readonly EraRun[]): string {
  const own = runs
    .filter(({ requirements }) => requirements === revision)
    .toSorted((a, b) => (a.server < b.server ? -1 : 1))
  const names = own[0]?.run.scenarios.filter(({ scored }) => scored).map(({ name }) => name) ?? []
  const rows = names.map((name) => {
    const cells = own.map(({ run }) => checks(run.scenarios.find((it) => it.name === name)))
    return `| ${name} | ${cells.join(' | ')} |`
  })
  return `## A client of ${revision}

| scenario | ${own.map(({ server }) => `${server} server`).join(' | ')} |
|---|${own.map(() => '---|').join('')}
| **scenarios passed** | ${own.map(({ run }) => `**${summary(run)}**`).join(' | ')} |
${rows.join('\n')}
`
}

function reasons(runs: readonly EraRun[]): string {
  const listed = runs.flatMap(({ impossible }) => impossible)
  return `## What cannot pass

${listed.map(({ check, reason }) => `- \`${check}\`: ${reason}`).join('\n')}
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
