// Keeps TLS sources at what their files say: on a change, on a timer, on demand. A source that cannot be reloaded goes on
// with what it had, and this part remembers, counts and tells why. What a reload means for sockets is the source's business.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Part, Timer } from '../core/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import { FileWatch } from './file-watch.ts'
import type { TlsSource } from './source.ts'

/** A certificate is written before or after its key. Problems are believed once they have lasted this long. */
const GRACE_MS = 2_000
const RETRY_MS = 200
const MS_PER_SECOND = 1_000

/** What keeps a source from being reloaded. */
export interface ReloadProblem {
  readonly source: string
  /** Wall-clock time of the first attempt that failed. */
  readonly sinceMs: number
  /** One sentence with file and mend; never content. */
  readonly message: string
  /** The source's files: where names of folders are not for everybody, these are the ones to leave out. */
  readonly files: readonly string[]
}

export interface TlsReloadContext {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'tlsReloads' | 'tlsReloadSuccess' | 'tlsReloadOk'>
  readonly clock: Clock
  /** How often to look without being told of a change. */
  readonly intervalMs: number
  /** A source has other material now. */
  readonly onReloaded: (source: TlsSource) => void
  /** A source goes on with what it had. Told when the log is. */
  readonly onRefused: (problem: ReloadProblem) => void
}

interface Followed {
  readonly source: TlsSource
  /** Wall-clock time of the first failure since it last was good. */
  failingSinceMs: number | undefined
  /** When the quick retries under way began, on the monotonic clock. */
  retryingSinceMs: number | undefined
  retry: Timer | undefined
  /** Told once it has lasted. */
  problem: ReloadProblem | undefined
  /** The last sentence that was logged, to say each once. */
  loggedMessage: string | undefined
}

export class TlsReload implements Part {
  readonly #context: TlsReloadContext
  readonly #followed: readonly Followed[]
  readonly #watch: FileWatch
  #timer: Timer | undefined
  #isStopped = false

  constructor(sources: readonly TlsSource[], context: TlsReloadContext) {
    this.#context = context
    this.#followed = sources.map((source) => ({
      source,
      failingSinceMs: undefined,
      retryingSinceMs: undefined,
      retry: undefined,
      problem: undefined,
      loggedMessage: undefined,
    }))
    this.#watch = new FileWatch({
      clock: context.clock,
      onChange: (changed) => void this.#reloadAll((files) => files.some((it) => changed.has(it))),
      onDeaf: (folder, error) =>
        context.log.warn(
          { file: folder, error },
          'changes of certificates here are seen by the timer only: the folder cannot be watched',
        ),
    })
  }

  async start(): Promise<void> {
    if (this.#followed.length === 0) return
    for (const { source } of this.#followed) this.#succeeded(source)
    // Finds what changed between the sources' own reading and now.
    this.#follow()
    await this.#watch.look()
    this.#timer = this.#context.clock.every(this.#context.intervalMs, () => void this.#onTimer())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    for (const { retry } of this.#followed) retry?.cancel()
    this.#watch.stop()
  }

  /** Reloads every source, changed or not. Resolves when each was tried once; problems that last are told again. */
  async reloadNow(): Promise<void> {
    for (const followed of this.#followed) followed.loggedMessage = undefined
    await this.#reloadAll(() => true)
  }

  /** Sources that go on with what they had. */
  get problems(): readonly ReloadProblem[] {
    return this.#followed.flatMap(({ problem }) => problem ?? [])
  }

  async #onTimer(): Promise<void> {
    await this.#watch.look()
    // What failed may be good by now without a change of the files: a permission, a date that has come.
    for (const followed of this.#followed) {
      if (followed.problem !== undefined) this.#reload(followed)
    }
  }

  async #reloadAll(isMeant: (files: readonly string[]) => boolean): Promise<void> {
    for (const followed of this.#followed) {
      if (this.#isStopped) return
      if (!isMeant(followed.source.files)) continue
      this.#reload(followed)
      // Reading and checking takes milliseconds; calls go on between two sources.
      await nextTurn()
    }
  }

  #reload(followed: Followed): void {
    followed.retry?.cancel()
    let isChanged: boolean
    try {
      isChanged = followed.source.reload()
    } catch (thrown) {
      // Whatever it is, what was good is still in use, and a gateway must not end because of a file.
      this.#onFailure(followed, thrown)
      return
    }
    this.#onSuccess(followed, isChanged)
    this.#follow()
    if (isChanged) this.#context.onReloaded(followed.source)
  }

  #onSuccess(followed: Followed, isChanged: boolean): void {
    const { log, metrics } = this.#context
    const { source, problem } = followed
    followed.failingSinceMs = undefined
    followed.retryingSinceMs = undefined
    followed.problem = undefined
    followed.loggedMessage = undefined
    this.#succeeded(source)
    metrics.tlsReloads.inc({ source: source.name, result: isChanged ? 'changed' : 'unchanged' })
    if (isChanged) log.info({}, `${source.name}: certificates, keys or authorities reloaded`)
    else if (problem !== undefined) log.info({}, `${source.name}: the files are in order again`)
  }

  #onFailure(followed: Followed, thrown: unknown): void {
    const { clock } = this.#context
    const nowMs = clock.monotonicMs()
    followed.failingSinceMs ??= clock.nowMs()
    followed.retryingSinceMs ??= nowMs
    if (nowMs - followed.retryingSinceMs < GRACE_MS) {
      followed.retry = clock.after(RETRY_MS, () => this.#reload(followed))
      return
    }
    followed.retryingSinceMs = undefined
    this.#tell(followed, thrown, followed.failingSinceMs)
  }

  #tell(followed: Followed, thrown: unknown, sinceMs: number): void {
    const { log, metrics, onRefused } = this.#context
    const { name: source, files } = followed.source
    const message = sentenceOf(thrown)
    followed.problem = { source, sinceMs, message, files }
    metrics.tlsReloads.inc({ source, result: 'failed' })
    metrics.tlsReloadOk.set({ source }, 0)
    if (followed.loggedMessage === message) return
    followed.loggedMessage = message
    log.error({ error: thrown }, `${source}: not reloaded, what was good stays in use`)
    onRefused(followed.problem)
  }

  #succeeded({ name }: TlsSource): void {
    const { metrics, clock } = this.#context
    metrics.tlsReloadSuccess.set({ source: name }, clock.nowMs() / MS_PER_SECOND)
    metrics.tlsReloadOk.set({ source: name }, 1)
  }

  #follow(): void {
    this.#watch.follow(this.#followed.flatMap(({ source }) => source.files))
  }
}

/** The sentences of TlsMaterialError are made for people; those of others may be about anything. */
function sentenceOf(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'TLS_MATERIAL') {
    return thrown.message
  }
  return 'the files cannot be used; the log has the cause'
}
