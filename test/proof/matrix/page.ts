// docs/reference/compatibility.md from what the matrix has seen.
import type { ClientKind } from './client.ts'
import { FEATURES } from './features.ts'
import type { ServerKind } from './servers.ts'

export interface Cell {
  readonly client: ClientKind
  readonly server: ServerKind
  readonly feature: string
  /** Undefined: it works. */
  readonly gap: string | undefined
}

const HEAD = `# What works between which client and which server

Every client below was connected through one gateway to every server, and everything in the head of the tables was tried. Written by
\`test/proof/matrix/matrix.test.ts\`, which fails when anything is otherwise: when something that works here stops working, and when a
gap closes.

✓ works. A number is a gap, explained below the tables. Each was tried too, and did not come to work; where client and server
understand each other as they are, nor did it without the gateway.

server-everything has no tools with odd names. Two of its tools get such names from the gateway, by
[\`tools.rename\`](../guide/several-servers.md#which-tools), on a route of their own.
`

export function renderCompatibility(cells: readonly Cell[]): string {
  const reasons = [...new Set(cells.flatMap(({ gap }) => gap ?? []))]
  const clients = [...new Set(cells.map(({ client }) => client))]
  const tables = clients.map((client) => renderClient(client, cells, reasons))
  const notes = reasons.map((reason, at) => `${at + 1}. ${sentence(reason)}`)
  return [HEAD, ...tables, '## Gaps\n', notes.join('\n'), ''].join('\n')
}

function renderClient(
  client: ClientKind,
  cells: readonly Cell[],
  reasons: readonly string[],
): string {
  const own = cells.filter((cell) => cell.client === client)
  const servers = [...new Set(own.map(({ server }) => server))]
  const head = ['server', 'its eras', 'its transport', ...FEATURES.map(({ title }) => title)]
  const rows = servers.map((server) => [
    server.title,
    server.eras.join(', '),
    server.transport,
    ...FEATURES.map(({ key }) => {
      const cell = own.find((it) => it.server === server && it.feature === key)
      if (cell === undefined) return 'not tried'
      return cell.gap === undefined ? '✓' : String(reasons.indexOf(cell.gap) + 1)
    }),
  ])
  const line = (columns: readonly string[]): string => `| ${columns.join(' | ')} |`
  return [
    `## ${client.title}\n`,
    `A client of the ${client.era} era over ${client.transport}.\n`,
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    '',
  ].join('\n')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
