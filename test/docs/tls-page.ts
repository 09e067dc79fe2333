// The page about TLS, for the tests that take it at its word.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')
export const page = readFileSync(join(ROOT, 'docs/guide/tls.md'), 'utf8')

/** The blocks of code in this language, in their order. */
export function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

/** The cells of the table whose head begins with this text, row by row. */
export function table(head: string): readonly (readonly string[])[] {
  const start = page.indexOf(`\n| ${head}`)
  if (start < 0) throw new Error(`no table with the head ${head}`)
  const [, , ...lines] = page.slice(start + 1).split('\n')
  const rows = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('|')),
  )
  return rows.map((line) => line.slice(2, -2).split(' | '))
}

/** What stands in backticks, with anything in the place of an ellipsis. */
export function quoted(cell: string): RegExp {
  const [, text = cell] = /^`(.*)`$/.exec(cell) ?? []
  const parts = text.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(parts.join('.*'))
}
