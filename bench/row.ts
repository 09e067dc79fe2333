// What a row of any table of the bench has: a name, and how often it is measured for whom.
import type { TargetName } from './target/target.ts'

export interface Row {
  /** Unique, and what `--only` is compared with. */
  readonly key: string
  readonly rounds: number
  readonly targets: readonly TargetName[]
}
