// Writes docs/reference/ from the code itself: the config's schema, the command tree, the error table, the metrics.
// With --check it only compares, and exits 1 when a page is not what would be written.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cliPage } from './reference/cli-page.ts'
import { configPage } from './reference/config-page.ts'
import { errorsPage } from './reference/errors-page.ts'
import { metricsPage } from './reference/metrics-page.ts'

export const REFERENCE_FOLDER = resolve(import.meta.dirname, '../docs/reference')

/** File name and text of every generated page. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['config.md', configPage()],
    ['cli.md', cliPage()],
    ['errors.md', errorsPage()],
    ['metrics.md', metricsPage()],
  ])
}

function stalePages(): readonly string[] {
  return [...referencePages()].flatMap(([name, text]) => {
    const file = join(REFERENCE_FOLDER, name)
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [name]
  })
}

if (process.argv[1] === import.meta.filename) {
  const stale = stalePages()
  if (process.argv.includes('--check')) {
    for (const name of stale) {
      console.error(`docs/reference/${name} is not what the code says; run: npm run docs`)
    }
    process.exitCode = stale.length === 0 ? 0 : 1
  } else {
    mkdirSync(REFERENCE_FOLDER, { recursive: true })
    const pages = referencePages()
    for (const name of stale) writeFileSync(join(REFERENCE_FOLDER, name), pages.get(name) ?? '')
    console.log(stale.length === 0 ? 'nothing changed' : `written: ${stale.join(', ')}`)
  }
}
