// The command line of the bench.
import { parseArgs } from 'node:util'
import { fullPlan, narrowed, quickPlan, rowsOf, type Plan } from './plan.ts'

export const USAGE = `usage: npm run bench -- [--quick] [--write] [--only TEXT] [--rounds N]
  --quick      a few rows in about two minutes
  --write      write docs/reference/performance.md (full runs only)
  --only TEXT  only rows whose key contains TEXT, such as "modern-http-1k", "lanes", "tls" or "memory"
  --rounds N   that many rounds of each row`

export interface Options {
  readonly plan: Plan
  readonly write: boolean
}

/** @throws TypeError with a sentence for whoever wrote the command line. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '' },
    },
  })
  if (!/^(?:[1-9]\d?)?$/.test(values.rounds)) throw new TypeError('--rounds: expected 1 to 99')
  if (values.write && (values.quick || values.only !== '' || values.rounds !== '')) {
    throw new TypeError('--write: the page is made of full runs only')
  }
  const plan = narrowed(
    values.quick ? quickPlan() : fullPlan(),
    ({ key }) => key.includes(values.only),
    values.rounds === '' ? undefined : Number(values.rounds),
  )
  if (rowsOf(plan).length === 0) throw new TypeError(`--only: no row contains "${values.only}"`)
  return { plan, write: values.write }
}
