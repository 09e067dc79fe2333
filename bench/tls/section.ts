// The section of the page about TLS: what a handshake costs, and what an idle connection holds.
import { figuresFor, ratioText, table, TITLE } from '../tables.ts'
import type { Machine } from '../machine.ts'
import type { CellFigures, TargetFigures } from '../summary.ts'
import type { MemoryFigures, TargetMemory } from './idle-memory.ts'
import { TLS_YARDSTICK, type HandshakeCell, type HandshakePlan, type MemoryPlan } from './plan.ts'
import { NGINX_TLS } from './targets.ts'

export interface TlsReport {
  readonly handshakes: readonly CellFigures<HandshakeCell>[]
  readonly memory: readonly MemoryFigures[]
  /** The gateway's configuration as it was, with places in words. */
  readonly config: string
}

interface Surroundings {
  readonly machine: Machine
  readonly handshakes: HandshakePlan
  readonly memory: MemoryPlan
}

const COMPARED = ['sallyport', 'node-proxy', 'nginx'] as const
const KIB = 1024
const CERTIFICATE = { p256: 'ECDSA P-256', rsa2048: 'RSA-2048' } as const
const CONNECTION = { http: 'HTTP', https: 'HTTPS' } as const

export function renderTls(report: TlsReport, surroundings: Surroundings): string[] {
  return [
    '## TLS: handshakes and idle connections',
    introduction(surroundings.machine),
    handshakeTable(report.handshakes),
    handshakeText(surroundings),
    memoryTable(report.memory),
    memoryText(surroundings.memory),
    configText,
    `\`\`\`yaml\n${report.config.trimEnd()}\n\`\`\``,
    `\`\`\`nginx\n${NGINX_TLS.join('\n')}\n\`\`\``,
  ]
}

function introduction({ nginx, openssl }: Machine): string {
  const beside =
    nginx === undefined
      ? 'nginx, which is the unit here, is not in this run.'
      : `The unit here is nginx, which does the same
work without a language runtime around it: ${nginx.nginx} on ${nginx.openssl}, beside Node's own ${openssl} in the other two.`
  return `What a new connection costs, from its first packet to its last: accepting it, the handshake, and closing it. ${beside}`
}

function handshakeTable(figures: readonly CellFigures<HandshakeCell>[]): string {
  const rows = figures.map(({ cell, targets }) => [
    ...describe(cell),
    ...COMPARED.map((name) => costText(figuresFor(targets, name))),
    ratioText(figuresFor(targets, 'sallyport')?.processorRatio),
  ])
  const head = [
    'TLS',
    'certificate',
    'handshake',
    'key exchange',
    ...COMPARED.map((name) => TITLE[name]),
    `Sallyport ÷ ${TITLE[TLS_YARDSTICK]}`,
  ]
  return table(head, rows)
}

function describe({ handshake }: HandshakeCell): string[] {
  if (handshake === undefined) return ['none', '–', '–', '–']
  const { version, key, isResumed, group } = handshake
  const exchange = version === '1.2' && isResumed ? '–' : group
  return [version, CERTIFICATE[key], isResumed ? 'resumed' : 'full', exchange]
}

/** Processor time of one, and how many of them fill a core for a second. */
function costText(figures: TargetFigures | undefined): string {
  if (figures === undefined) return '–'
  const micros = figures.processorMicrosEach
  return `${micros.toFixed(0)} µs, ${perCoreSecond(micros).toFixed(0)}/s`
}

/** How many fit into a second of one core. */
export function perCoreSecond(micros: number): number {
  return 1e6 / micros
}

function handshakeText({ handshakes }: Surroundings): string {
  const rounds = Math.min(...handshakes.cells.map((cell) => cell.rounds))
  return `Processor time for each connection, and how many of them fill one core for a second; last the ratio of processor times in the same
round: the median over ${rounds} rounds, and in parentheses the lowest and highest. The row without TLS is a connection that is only opened
and closed, so the difference to it is the handshake. Order and pinning are those of the calls; each measurement takes ${handshakes.measureMs} ms after
${handshakes.warmUpMs} ms of warming up, with ${handshakes.inFlight} connections at a time.

- The client offers one version, one cipher suite (AES-256-GCM) and one group for the key exchange, and sends a name (SNI) and ALPN. A handshake that is
  not of these, or was to be full and is resumed, or the other way round, ends the run; so does one without the certificate
  of the row. Each connection is closed in good order by both sides before it counts.
- *Resumed* is by ticket. In TLS 1.3 that includes a key exchange, and no signature, so the certificate does not matter; in TLS 1.2 it includes
  neither. All three send two tickets after a full handshake in TLS 1.3; after a resumed one nginx sends another, and Node none, so its clients
  come back with the one they have.
- X25519MLKEM768 holds against quantum computers and is what Sallyport prefers; a client that does not have it gets X25519. nginx has it with OpenSSL 3.5
  or newer, so not here.
- \`limits.accept_rate\` and \`limits.accept_burst\` are raised for this: by default a listener takes 200 new connections at once and 100 per second.
  The gateway's count of connections refused or cut is read after every measurement, and must be zero.`
}

function memoryTable(figures: readonly MemoryFigures[]): string {
  const rows = figures.map(({ cell, targets }) => [
    CONNECTION[cell.protocol],
    ...COMPARED.map((name) => bytesText(figuresFor(targets, name))),
    ratioText(figuresFor(targets, 'sallyport')?.ratio),
  ])
  const names = COMPARED.map((name) => TITLE[name])
  return table(['idle connection', ...names, `Sallyport ÷ ${TITLE[TLS_YARDSTICK]}`], rows)
}

function bytesText(figures: TargetMemory | undefined): string {
  return figures === undefined ? '–' : `${(figures.bytesPerConnection / KIB).toFixed(0)} KiB`
}

function memoryText({ cells, warmUpCount, firstCount, moreCount }: MemoryPlan): string {
  const rounds = Math.min(...cells.map((cell) => cell.rounds))
  return `Resident memory for each connection that made one call and is silent: the growth from ${firstCount} of them to ${firstCount + moreCount}, divided by
${moreCount}, in processes that had opened and closed ${warmUpCount} before; the median of ${rounds} rounds, each with processes of its own.
What the kernel holds for a socket is not in it. HTTPS is TLS 1.3 with HTTP/1.1, the P-256 certificate, and the group that the server prefers.`
}

const configText = `The configuration of Sallyport for this section, and what nginx is told about TLS; the plain Node proxy has Node's defaults.`

/** One row for the terminal. */
export function renderMemory({ cell, targets }: MemoryFigures): string {
  const rows = targets.map(
    (figures) =>
      `  ${figures.target.padEnd(26)} ${bytesText(figures).padStart(10)} ${ratioText(figures.ratio).padStart(19)}`,
  )
  return [`${cell.key} (memory per connection, ratio to ${TLS_YARDSTICK})`, ...rows].join('\n')
}
