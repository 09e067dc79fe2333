// How many there are of something that comes and goes on the hot path, counted in plain numbers and handed over to the
// metrics library when somebody looks: see tally.ts for why.
import type { Gauge } from 'prom-client'

/** Counts by one label whose values come from the config, so that there are few of them. */
export class Level<Label extends string> {
  readonly #label: Label
  readonly #counts = new Map<string, number>()

  constructor(label: Label) {
    this.#label = label
  }

  inc(labelValue: string): void {
    this.#counts.set(labelValue, (this.#counts.get(labelValue) ?? 0) + 1)
  }

  dec(labelValue: string): void {
    this.#counts.set(labelValue, (this.#counts.get(labelValue) ?? 0) - 1)
  }

  report(gauge: Gauge<Label>): void {
    for (const [value, count] of this.#counts) {
      gauge.set({ [this.#label]: value } as Record<Label, string>, count)
    }
  }
}
