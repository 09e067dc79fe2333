// Knows until when every certificate and revocation list in use holds: those the sources read, and those peers showed.
// Tells it as a metric, in the log at each stage once, and to whoever asks. Nothing here refuses anything.
import type { Clock, Part, Timer } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import type { Expiring, TlsSource } from './source.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MS_PER_SECOND = 1_000

/** Days before the end at which the log says so. */
const STAGES_DAYS = [1, 7, 14, 30] as const
/** Stages are checked this often; the worst that comes of it is a line an hour late. */
const CHECK_PERIOD_MS = HOUR_MS
/** Certificates watched at most, and those that peers showed: more than that are not looked at, the earliest end first. */
const MAX_WATCHED = 1_000
const MAX_SEEN = 500
const MAX_LOGGED = 2_000
/** A handshake shows the whole chain at once: what a peer showed longer ago than this before the last is not in use. */
const SAME_HANDSHAKE_MS = 60_000
/** A peer may have written the subject. */
const MAX_SUBJECT_CHARS = 200

/** Something that ends within the first stage, or has ended. */
export interface ExpiryWarning {
  readonly expiring: Expiring
  /** Whole days left, rounded up; 0 or less: it has ended. */
  readonly daysLeft: number
}

export interface ExpiryContext {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'certificateExpiry'>
  readonly clock: Clock
}

interface Seen {
  readonly expiring: Expiring
  lastMs: number
}

export class ExpiryWatch implements Part {
  readonly #sources: () => readonly TlsSource[]
  readonly #context: ExpiryContext
  readonly #seen = new Map<string, Seen>()
  /** The stage that was logged last, per certificate; kept for those out of use, for they may come back. */
  readonly #logged = new Map<string, number>()
  #warnings: readonly ExpiryWarning[] = []
  #timer: Timer | undefined

  /** Peers may show certificates before the sources are complete. */
  constructor(sources: () => readonly TlsSource[], context: ExpiryContext) {
    this.#sources = sources
    this.#context = context
  }

  async start(): Promise<void> {
    this.check()
    this.#timer = this.#context.clock.every(CHECK_PERIOD_MS, () => this.check())
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
  }

  /** As of the last check, the earliest end first. */
  get warnings(): readonly ExpiryWarning[] {
    return this.#warnings
  }

  /** A peer showed a certificate of its chain in a handshake. */
  readonly onPeerCertificate = (expiring: Expiring): void => {
    const key = keyOf(expiring)
    const lastMs = this.#context.clock.monotonicMs()
    const known = this.#seen.get(key)
    if (known !== undefined) {
      known.lastMs = lastMs
      return
    }
    if (this.#seen.size >= MAX_SEEN) this.#forgetOldest()
    this.#seen.set(key, { expiring, lastMs })
    this.check()
  }

  /** Looks at all of them: at the start, after a reload, and every hour. */
  check(): void {
    this.#forgetReplaced()
    const all = this.#inUse()
    this.#setMetric(all)
    const nowMs = this.#context.clock.nowMs()
    const warnings: ExpiryWarning[] = []
    for (const expiring of all) {
      const stage = stageOf(expiring, nowMs)
      if (stage === undefined) continue
      const daysLeft = Math.ceil((expiring.notAfterMs - nowMs) / DAY_MS)
      warnings.push({ expiring, daysLeft })
      if (this.#isNews(keyOf(expiring), stage)) this.#log(expiring, daysLeft)
    }
    this.#warnings = warnings
  }

  /** Each once, the earliest end first: two listeners may have the same file. */
  #inUse(): readonly Expiring[] {
    const own = this.#sources().flatMap((source) => source.expiring)
    const all = [...own, ...[...this.#seen.values()].map(({ expiring }) => expiring)]
    const each = new Map(all.map((expiring) => [keyOf(expiring), expiring]))
    return [...each.values()].toSorted((a, b) => a.notAfterMs - b.notAfterMs).slice(0, MAX_WATCHED)
  }

  /** One series per role and place, with the earliest end there: a bundle of authorities is one place. */
  #setMetric(all: readonly Expiring[]): void {
    const { certificateExpiry } = this.#context.metrics
    certificateExpiry.reset()
    for (const { role, where, notAfterMs } of all.toReversed()) {
      certificateExpiry.set({ role, where }, notAfterMs / MS_PER_SECOND)
    }
  }

  #isNews(key: string, stage: number): boolean {
    if (this.#logged.get(key) === stage) return false
    const [oldest] = this.#logged.keys()
    if (this.#logged.size >= MAX_LOGGED && oldest !== undefined) this.#logged.delete(oldest)
    this.#logged.set(key, stage)
    return true
  }

  #log(expiring: Expiring, daysLeft: number): void {
    const { log } = this.#context
    const { role, where, notAfterMs } = expiring
    const fields = role === 'upstream' ? { endpoint: where } : { file: where }
    const end = new Date(notAfterMs).toISOString()
    const message = `${nameOf(expiring)} ${daysLeft > 0 ? 'ends' : 'ended'} on ${end}`
    // Bundles of authorities hold some that have ended, and nobody here can renew them.
    if (role === 'ca' && daysLeft <= 0) log.warn(fields, message)
    else if (daysLeft <= 0) log.error(fields, `${message}: renew it now`)
    else if (daysLeft === 1) log.error(fields, `${message}, in less than 1 day`)
    else log.warn(fields, `${message}, in ${daysLeft} days`)
  }

  #forgetReplaced(): void {
    const lastByPeer = new Map<string, number>()
    for (const { expiring, lastMs } of this.#seen.values()) {
      lastByPeer.set(expiring.where, Math.max(lastMs, lastByPeer.get(expiring.where) ?? 0))
    }
    for (const [key, { expiring, lastMs }] of this.#seen) {
      const last = lastByPeer.get(expiring.where) ?? lastMs
      if (last - lastMs > SAME_HANDSHAKE_MS) this.#seen.delete(key)
    }
  }

  #forgetOldest(): void {
    const [oldest] = [...this.#seen].toSorted(([, a], [, b]) => a.lastMs - b.lastMs)
    if (oldest !== undefined) this.#seen.delete(oldest[0])
  }
}

function keyOf({ role, where, subject, notAfterMs }: Expiring): string {
  return `${role}\n${where}\n${subject}\n${notAfterMs}`
}

/**
 * The stage it is in: days, 0 once it has ended, undefined while there is time. A stage counts only in the last half of a
 * life, as one that lives for a week is in its last 30 days from the first.
 */
function stageOf({ notBeforeMs, notAfterMs }: Expiring, nowMs: number): number | undefined {
  const leftMs = notAfterMs - nowMs
  if (leftMs <= 0) return 0
  const halfMs = notBeforeMs === undefined ? Infinity : (notAfterMs - notBeforeMs) / 2
  return STAGES_DAYS.find((days) => leftMs <= days * DAY_MS && days * DAY_MS <= halfMs)
}

const NAMES: Readonly<Record<Expiring['role'], string>> = {
  server: 'the server certificate of',
  client: 'the client certificate of',
  ca: 'the authority',
  crl: 'the revocation list of',
  upstream: 'the certificate shown by an endpoint, of',
}

function nameOf({ role, subject }: Expiring): string {
  // Node writes the parts of a subject in lines.
  const name = subject.replaceAll('\n', ', ').slice(0, MAX_SUBJECT_CHARS)
  return `${NAMES[role]} ${name}`
}
