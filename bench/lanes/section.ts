// The section of the page about what happens to calls that cannot be passed on as they are.
import { figuresFor, ratioText, table } from '../tables.ts'
import type { CellFigures, TargetFigures, Verdict } from '../summary.ts'
import { MERGED_LIST_MICROS, MERGED_RATIO, TRANSLATED_RATIO } from './budgets.ts'
import type { LaneAsk, LaneCell, LanePlan } from './plan.ts'
import type { LaneTargetName } from '../target/target.ts'
import { LANE_CONFIGS, LISTED_TOOLS } from './targets.ts'

export interface LaneReport {
  readonly figures: readonly CellFigures<LaneCell>[]
  readonly verdicts: readonly Verdict[]
}

/** Names and ports for the page, where those of the run would tell nothing. */
const EXAMPLE = { port: 8080, backendPort: 5051 }

export function renderLanes({ figures, verdicts }: LaneReport, plan: LanePlan): string[] {
  return [
    '## Eras in between, several servers',
    introduction,
    verdicts.map(({ line }) => `- **${line}**`).join('\n'),
    callTable(figures),
    callText(plan),
    listTable(figures),
    listText,
    `\`\`\`yaml\n${LANE_CONFIGS.translating(EXAMPLE).trimEnd()}\n\`\`\``,
    `\`\`\`yaml\n${LANE_CONFIGS.merging(EXAMPLE).trimEnd()}\n\`\`\``,
  ]
}

const introduction = `Where client and server are of different eras, or several servers are behind a route, bytes cannot just pass: as a rule messages are
decoded, changed and encoded again. The unit here is the *straight lane* of the same gateway, in a process of its own, measured beside the others in the same
rounds. **Budgets: ${TRANSLATED_RATIO} times the straight lane for a call that is translated, ${MERGED_RATIO} times for one to one of several servers of the
client's era, and ${MERGED_LIST_MICROS / 1_000} ms for a merged list of ${LISTED_TOOLS} tools that is kept.**`

function callTable(figures: readonly CellFigures<LaneCell>[]): string {
  const rows = figures.flatMap(({ cell: { ask }, targets }) => {
    if (ask.kind !== 'call') return []
    const straight = figuresFor(targets, 'straight lane')
    const other = (name: LaneTargetName): string[] => {
      const own = figuresFor(targets, name)
      return [microsText(own), ratioText(own?.processorRatio)]
    }
    const others = ['translating', 'merging', 'merging legacy'] as const
    return [[...describe(ask), microsText(straight), ...others.flatMap(other)]]
  })
  const head = [
    'client',
    'body',
    'straight lane',
    'server of the other era',
    '÷ straight',
    'two modern servers',
    '÷ straight',
    'two legacy servers',
    '÷ straight',
  ]
  return table(head, rows)
}

function describe({ era, kib }: LaneAsk & { readonly kind: 'call' }): string[] {
  return [era, `${kib} KiB`]
}

function microsText(figures: TargetFigures | undefined): string {
  return figures === undefined ? '–' : `${figures.processorMicrosEach.toFixed(0)} µs`
}

function callText({ cells, connections, warmUpMs, measureMs }: LanePlan): string {
  const rounds = Math.min(...cells.map((cell) => cell.rounds))
  return `Processor time per call over HTTP with ${connections} connections, and its ratio to the straight lane in the same round: the median, and in
parentheses the lowest and highest. On the straight lane the server is of the client's era. There are at least ${rounds} rounds, in which each is measured for ${measureMs} ms
after ${warmUpMs} ms of warming up; order and pinning are those of the calls above.

- The budgets are about calls of 1 KiB. A legacy client's call to one of several modern servers is both translated and merged; it is held
  to the budget for translated ones.
- Several servers are one in the words of the modern era. A call whose client and server are of the same era is not put into them: it
  passes in the client's bytes, but for the tool's name, and the id where sessions are legacy, as long as nothing but a plain result comes.
- The first answer of each measurement is parsed and compared with what the server said: id, content, structured content, and what the client's era
  wants besides (\`resultType\`, who the server is) or must not see. All others must have the bytes of the first, but for the id.
- The servers refuse a call that lacks a header, the envelope or the session of their own era, brings along anything of the other, or has arguments of
  which one byte is not as it was sent. Their count of calls must equal the client's.`
}

function listTable(figures: readonly CellFigures<LaneCell>[]): string {
  const rows = figures.flatMap(({ cell: { ask }, targets }) => {
    if (ask.kind !== 'list') return []
    const own = figuresFor(targets, 'listing')
    const what = ask.page === 'whole' ? `all ${LISTED_TOOLS} tools` : 'the first page'
    return [[what, microsText(own), `${(own?.perSecond ?? 0).toFixed(0)}/s`]]
  })
  return table(['merged `tools/list`', 'processor time', 'lists'], rows)
}

const listText = `Of twenty servers with twenty tools each, to a client of the modern era. The list is kept: the servers are asked nothing meanwhile, which is checked.
The whole of it comes with \`page_size: 1000\`; by default a page has 100 tools. The configurations that translate and merge:`
