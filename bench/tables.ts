// How figures are written on the page and in the terminal.
import type { Spread } from './figures.ts'
import type { CellFigures } from './summary.ts'
import type { Row } from './row.ts'
import type { TargetName } from './target/target.ts'

export const TITLE: Readonly<Record<TargetName, string>> = {
  direct: 'no proxy',
  'node-proxy': 'plain Node proxy',
  nginx: 'nginx',
  sallyport: 'Sallyport',
  'sallyport, access log': 'Sallyport, `log.access: true`',
  'straight lane': 'straight lane',
  translating: 'translating',
  merging: 'merging',
  'merging legacy': 'merging legacy servers',
  listing: 'listing',
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export function ratioText(ratio: Spread | undefined): string {
  if (ratio === undefined) return '–'
  return `${ratio.median.toFixed(2)} (${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)})`
}

/** The figures of one target among those of a row. */
export function figuresFor<F extends { readonly target: TargetName }>(
  targets: readonly F[],
  name: TargetName,
): F | undefined {
  return targets.find(({ target }) => target === name)
}

/** The figures of one row for the terminal. */
export function renderCell(
  { cell, targets }: CellFigures<Row>,
  { yardstick, what }: { readonly yardstick: TargetName; readonly what: string },
): string {
  const rows = targets.map((figures) => {
    const columns = [
      figures.target.padEnd(26),
      `${figures.processorMicrosEach.toFixed(1)} µs`.padStart(10),
      ratioText(figures.processorRatio).padStart(19),
      `${figures.perSecond.toFixed(0)}/s`.padStart(9),
      `p50 ${figures.latencyP50Ms.toFixed(2)} ms`.padStart(13),
      `p99 ${figures.latencyP99Ms.toFixed(2)} ms`.padStart(14),
      `core ${(figures.coreShare * 100).toFixed(0)} %`.padStart(11),
    ]
    return `  ${columns.join(' ')}`
  })
  const title = `${cell.key} (processor time per ${what}, ratio to ${yardstick})`
  return [title, ...rows].join('\n')
}
