// A gauge of what a part knows anyway: read when somebody looks, so that nothing is counted twice and nothing at all on
// the hot path.
import type { Gauge } from 'prom-client'

interface Source<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>
  readonly read: () => number
}

/** Values by labels that come from the config, so that there are few of them. */
export class Reading<Label extends string = never> {
  readonly #sources = new Map<string, Source<Label>>()

  /** Where the value with these labels is read from now on. */
  from(labels: Readonly<Record<Label, string>>, read: () => number): void {
    this.#sources.set(JSON.stringify(labels), { labels, read })
  }

  report(gauge: Gauge<Label>): void {
    for (const { labels, read } of this.#sources.values()) gauge.set(labels, read())
  }
}
