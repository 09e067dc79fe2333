// Counting on the hot path: plain numbers, handed over to the metrics library when somebody looks. A sample costs a
// fiftieth of what the library's own hashing of labels does.
import type { Counter } from 'prom-client'

interface Cell {
  count: number
  reported: number
}

/** Counts by two labels whose values come from the config and from tables, so that there are few of them. */
export class Tally<First extends string, Second extends string> {
  readonly #labels: readonly [First, Second]
  readonly #cells = new Map<string, Map<string | number, Cell>>()

  constructor(labels: readonly [First, Second]) {
    this.#labels = labels
  }

  inc(first: string, second: string | number): void {
    const known = this.#cells.get(first)?.get(second)
    if (known === undefined) this.#add(first, second)
    else known.count++
  }

  /** Adds to the counter what was counted since the last time. */
  report(counter: Counter<First | Second>): void {
    const [firstLabel, secondLabel] = this.#labels
    for (const [first, cells] of this.#cells) {
      for (const [second, cell] of cells) {
        const labels = { [firstLabel]: first, [secondLabel]: String(second) }
        counter.inc(labels as Record<First | Second, string>, cell.count - cell.reported)
        cell.reported = cell.count
      }
    }
  }

  #add(first: string, second: string | number): void {
    const cells = this.#cells.get(first) ?? new Map<string | number, Cell>()
    this.#cells.set(first, cells.set(second, { count: 1, reported: 0 }))
  }
}
