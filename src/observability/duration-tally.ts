// Durations on the hot path, counted by bucket in plain numbers and written out as a histogram when somebody looks: see
// tally.ts for why.
import type { Metric, MetricValueWithName } from 'prom-client'

interface Cell {
  /** One more than there are bounds: what is longer than the last. Not cumulative. */
  readonly counts: number[]
  sumSeconds: number
}

export interface DurationTallyOptions<Label extends string> {
  /** Full name, as it is exposed. */
  readonly name: string
  readonly help: string
  readonly label: Label
  /** Upper bounds of the buckets, ascending. */
  readonly boundsSeconds: readonly number[]
}

/** A histogram by one label whose values come from the config, so that there are few of them. */
export class DurationTally<Label extends string> {
  readonly #options: DurationTallyOptions<Label>
  readonly #cells = new Map<string, Cell>()

  constructor(options: DurationTallyOptions<Label>) {
    this.#options = options
  }

  observe(labelValue: string, seconds: number): void {
    const { boundsSeconds } = this.#options
    const cell = this.#cells.get(labelValue) ?? this.#add(labelValue)
    let bucket = 0
    while (bucket < boundsSeconds.length && seconds > (boundsSeconds[bucket] as number)) bucket++
    cell.counts[bucket] = (cell.counts[bucket] as number) + 1
    cell.sumSeconds += seconds
  }

  /** What a registry of the metrics library asks of a metric. */
  asMetric(): Metric<Label> {
    const { name, help, label } = this.#options
    const get = async (): Promise<unknown> => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...this.#cells].flatMap(([value, cell]) => this.#valuesOf(value, cell)),
    })
    return { name, help, type: 'histogram', labelNames: [label], get } as unknown as Metric<Label>
  }

  #add(labelValue: string): Cell {
    const counts = Array.from({ length: this.#options.boundsSeconds.length + 1 }, () => 0)
    const cell = { counts, sumSeconds: 0 }
    this.#cells.set(labelValue, cell)
    return cell
  }

  #valuesOf(labelValue: string, cell: Cell): MetricValueWithName<string>[] {
    const { name, label, boundsSeconds } = this.#options
    const labels = { [label]: labelValue }
    let count = 0
    const buckets = cell.counts.map((inBucket, place) => {
      count += inBucket
      const le = boundsSeconds[place] ?? '+Inf'
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: cell.sumSeconds },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}
