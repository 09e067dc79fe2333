// A file that lines are only ever added to: written in order, one write at a time, opened anew for a rotation. A disk that is
// full or gone costs events once there are too many of them, never the gateway: it is told, counted, and tried again.
import type { FileHandle } from 'node:fs/promises'
import type { Clock, Timer } from '../core/index.ts'
import { NEWLINE, openForLines } from './audit-open.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Held back at most while nothing can be written; what comes then is lost. */
const MAX_WAITING_LINES = 1_000
const RETRY_MS = 1_000
/** A stop waits no longer for a file system that does not answer. */
const CLOSE_TIMEOUT_MS = 2_000

export interface AuditFileContext {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'auditFailures'>
  readonly clock: Clock
  /** What is written in the place of lines that were lost. */
  readonly gapLine: (lost: number) => string
}

/** Lines on their way into the file. */
interface Batch {
  readonly bytes: Buffer
  written: number
}

export class AuditFile {
  readonly #path: string
  readonly #context: AuditFileContext
  readonly #waiting: string[] = []
  #handle: FileHandle | undefined
  #batch: Batch | undefined
  /** Lines that found no place, since the last that did. */
  #lost = 0
  /** What is done to the file, one thing after the other. Never rejects. */
  #turn: Promise<void> = Promise.resolve()
  #isWriteAhead = false
  #isFailing = false
  #isClosed = false
  #retry: Timer | undefined

  constructor(path: string, context: AuditFileContext) {
    this.#path = path
    this.#context = context
  }

  /** @throws AuditFileError */
  async open(): Promise<void> {
    this.#handle = await openForLines(this.#path)
    this.#writeSoon()
  }

  append(line: string): void {
    if (this.#isClosed || this.#waiting.length >= MAX_WAITING_LINES) {
      this.#lost += 1
      this.#context.metrics.auditFailures.inc({ reason: 'lost' })
      return
    }
    this.#closeGap()
    this.#waiting.push(line)
    this.#writeSoon()
  }

  /** What was told before goes into the file of before, if that takes it: its turn to be written is earlier. */
  reopen(): Promise<void> {
    return this.#next(async () => {
      if (this.#isClosed || this.#handle === undefined) return
      await this.#replace(this.#handle)
      await this.#writeAll()
    })
  }

  async close(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#context.clock.after(CLOSE_TIMEOUT_MS, resolve)
    await Promise.race([this.#next(() => this.#end()), late])
    timer.cancel()
  }

  async #end(): Promise<void> {
    if (this.#isClosed) return
    await this.#writeAll()
    this.#isClosed = true
    this.#retry?.cancel()
    const count = this.#waiting.length + linesLeft(this.#batch)
    if (count > 0 && this.#handle !== undefined) {
      this.#context.metrics.auditFailures.inc({ reason: 'lost' }, count)
      this.#context.log.error({ count, file: this.#path }, 'audit events were lost')
    }
    try {
      await this.#handle?.sync()
      await this.#handle?.close()
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  #next(doIt: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(doIt)
    return this.#turn
  }

  #writeSoon(): void {
    if (this.#isWriteAhead || this.#isFailing || this.#handle === undefined) return
    this.#isWriteAhead = true
    void this.#next(async () => {
      this.#isWriteAhead = false
      await this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    const handle = this.#handle
    if (handle === undefined || this.#isClosed) return
    try {
      for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) {
        this.#batch = batch
        const { bytesWritten } = await handle.write(batch.bytes, batch.written)
        batch.written += bytesWritten
        if (batch.written === batch.bytes.length) this.#batch = undefined
      }
      this.#succeeded()
    } catch (thrown) {
      this.#failed(thrown)
      this.#retry?.cancel()
      this.#retry = this.#context.clock.after(RETRY_MS, () => {
        void this.#next(() => this.#writeAll())
      })
    }
  }

  #nextBatch(): Batch | undefined {
    if (this.#batch !== undefined) return this.#batch
    if (this.#waiting.length === 0) this.#closeGap()
    if (this.#waiting.length === 0) return undefined
    return { bytes: Buffer.from(this.#waiting.splice(0).join('')), written: 0 }
  }

  #closeGap(): void {
    if (this.#lost === 0) return
    this.#waiting.push(this.#context.gapLine(this.#lost))
    this.#lost = 0
  }

  async #replace(old: FileHandle): Promise<void> {
    const { log, metrics } = this.#context
    try {
      this.#handle = await openForLines(this.#path)
    } catch (thrown) {
      metrics.auditFailures.inc({ reason: 'reopen' })
      log.error({ error: thrown }, 'the audit file was not opened anew; the old one stays in use')
      return
    }
    // A line that was cut off is written again as a whole: the new file may be another one.
    if (this.#batch !== undefined) rewindToLine(this.#batch)
    await old.close().catch((thrown: unknown) => this.#failed(thrown))
  }

  #succeeded(): void {
    this.#retry?.cancel()
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#context.log.info({ file: this.#path }, 'audit events are written again')
  }

  /** Told once until it is over, counted every time. */
  #failed(thrown: unknown): void {
    const { log, metrics } = this.#context
    metrics.auditFailures.inc({ reason: 'write' })
    if (this.#isFailing) return
    this.#isFailing = true
    log.error(
      { error: thrown, file: this.#path },
      `audit events cannot be written; up to ${MAX_WAITING_LINES} are held back until they can`,
    )
  }
}

function rewindToLine(batch: Batch): void {
  const { bytes, written } = batch
  batch.written = written === 0 ? 0 : bytes.lastIndexOf(NEWLINE, written - 1) + 1
}

function linesLeft(batch: Batch | undefined): number {
  if (batch === undefined) return 0
  return batch.bytes.subarray(batch.written).filter((byte) => byte === NEWLINE).length
}
