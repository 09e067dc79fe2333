// docs/reference/metrics.md from the registry itself.
import { createMetrics } from '../../src/observability/index.ts'
import { code, page, table } from './markdown.ts'

/** What prom-client's metric classes have besides what its types say. */
interface MetricFacts {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames?: readonly string[]
}

export function metricsPage(): string {
  const metrics = createMetrics().registry.getMetricsAsArray() as unknown as readonly MetricFacts[]
  return page(
    '# Metrics',
    'The admin listener (`admin.listen`) answers `GET /metrics` in the Prometheus text format. Besides these, it has the figures of the process and of Node itself, `process_*` and `nodejs_*`, as prom-client names them.',
    table(
      ['Metric', 'Type', 'Labels', 'Meaning'],
      metrics.map(({ name, type, labelNames = [], help }) => [
        code(name),
        type,
        labelNames.map(code).join(', '),
        help,
      ]),
    ),
  )
}
