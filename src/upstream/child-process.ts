// The only place that starts processes. Owns one child from its start to the end of its process group: lines in, lines
// out, its end. What the lines mean, how many children there may be and when one is started again is decided by callers.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import type { Clock, Timer } from '../core/index.ts'
import { isNodeError } from '../core/index.ts'
import { LineSplitter } from '../wire/index.ts'
import { pickBaseVariables } from './options.ts'

/** Bytes that may wait for a child that does not read, besides the one message that is always taken. */
export const MAX_STDIN_QUEUE_BYTES = 4 * 1_048_576
/** Longer lines on stderr are cut: they are for people. */
export const MAX_STDERR_LINE_BYTES = 4_096
/** After a child's exit, how long output that is still in its pipes is waited for: a grandchild may hold them open for ever. */
const EXIT_DRAIN_MS = 500
/** How often a group whose leader is gone is looked at. */
const GROUP_POLL_MS = 50

export interface ChildCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** What a child did that left no way to go on with it. */
export type ChildFault = 'line-too-long' | 'stdin-closed' | 'stdout-closed'

export type ChildEnd =
  | { readonly kind: 'not-started'; readonly error: Error }
  | {
      readonly kind: 'exited'
      readonly exitCode: number | undefined
      readonly signal: NodeJS.Signals | undefined
      readonly fault: ChildFault | undefined
    }

export interface ChildOptions {
  readonly command: ChildCommand
  /** Longest line on stdout; a longer one ends the child. */
  readonly maxLineBytes: number
  /** From closing stdin to SIGTERM, and from there to SIGKILL. */
  readonly stopTimeoutMs: number
  readonly clock: Clock
  readonly onLine: (line: Buffer) => void
  readonly onStderrLine: (line: string) => void
  /** Called once: the child is gone and its last output was read. */
  readonly onEnd: (end: ChildEnd) => void
}

export type WriteOutcome = 'written' | 'full' | 'closed'

/** The environment of a child: the base variables that are set, its own, and nothing else. */
export function childEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...pickBaseVariables(base), ...own }
}

const LINE_FEED = Buffer.from('\n')

export class Child {
  readonly #options: ChildOptions
  readonly #spawned: ChildProcessWithoutNullStreams | undefined
  readonly #stdout: LineSplitter
  readonly #stderr: LineSplitter
  readonly #gone = Promise.withResolvers<void>()
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined
  #fault: ChildFault | undefined
  #stopping = false
  #ended = false
  #isGroupGone = false
  #timer: Timer | undefined

  /** Starts the command, without a shell, as the leader of a process group of its own. A failure is told by `onEnd`. */
  constructor(options: ChildOptions) {
    this.#options = options
    const { maxLineBytes, onLine, onStderrLine } = options
    this.#stdout = new LineSplitter({ maxLineBytes, onTooLong: 'stop', onLine })
    this.#stderr = new LineSplitter({
      maxLineBytes: MAX_STDERR_LINE_BYTES,
      onTooLong: 'truncate',
      onLine: (line) => onStderrLine(line.toString('utf8')),
    })
    this.#spawned = this.#spawn()
    if (this.#spawned !== undefined) this.#listen(this.#spawned)
  }

  /** Undefined when the command could not be started. */
  get pid(): number | undefined {
    return this.#spawned?.pid
  }

  /** Resolves after `onEnd`, once nothing of the child's process group is left. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /**
   * Queues a line for the child's stdin; `line` has no line break. A child that could not be started takes lines until
   * `onEnd` has said so: that is where its callers learn why.
   */
  write(line: Buffer): WriteOutcome {
    if (this.#ended || this.#stopping || this.#exit !== undefined) return 'closed'
    const stdin = this.#spawned?.stdin
    if (stdin === undefined) return 'written'
    if (!stdin.writable) return 'closed'
    const queuedBytes = stdin.writableLength
    if (queuedBytes > 0 && queuedBytes + line.length > MAX_STDIN_QUEUE_BYTES) return 'full'
    stdin.cork()
    stdin.write(line)
    stdin.write(LINE_FEED)
    stdin.uncork()
    return 'written'
  }

  /**
   * Ends the child as MCP stdio §Shutdown says: closes stdin, then SIGTERM, then SIGKILL, each to the whole group.
   * Resolves as `gone` does.
   */
  stop(): Promise<void> {
    this.#beginStop(undefined)
    return this.#gone.promise
  }

  /** Ends the child and its group at once. */
  kill(): Promise<void> {
    this.#stopping = true
    if (this.#exit === undefined) this.#timer?.cancel()
    // Not after the group's end: its number may be another's by then.
    if (!this.#isGroupGone) this.#signalGroup('SIGKILL')
    return this.#gone.promise
  }

  #spawn(): ChildProcessWithoutNullStreams | undefined {
    const { command, args, env, cwd } = this.#options.command
    try {
      return spawn(command, args, {
        ...(cwd !== undefined && { cwd }),
        env,
        // A group of its own, so that what the command starts (npx, a shell script) can be ended with it, and so that
        // a Ctrl-C at the gateway's terminal does not reach children before the gateway has drained.
        detached: true,
        stdio: 'pipe',
        windowsHide: true,
      })
    } catch (thrown) {
      // Most failures come as an event; an argument with a NUL byte or a table of processes that is full throws.
      queueMicrotask(() => this.#onSpawnFailure(thrown as Error))
      return undefined
    }
  }

  #listen(child: ChildProcessWithoutNullStreams): void {
    child.on('error', (error) => {
      if (child.pid === undefined) this.#onSpawnFailure(error)
    })
    child.on('exit', (code, signal) => this.#onExit(code, signal))
    child.on('close', () => {
      if (this.#exit !== undefined) this.#finish()
    })
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.#stdout.push(chunk)) this.#onLineTooLong()
    })
    // A child that closed its output can answer nothing more; usually it is about to exit (MCP stdio §Shutdown).
    child.stdout.on('end', () => this.#beginStop('stdout-closed'))
    child.stdout.on('error', () => this.#beginStop('stdout-closed'))
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    child.stderr.on('error', () => {
      // Nothing to do: only the log loses by it, and the child's exit is told by its own event.
    })
    // EPIPE: the child is gone, or has closed its input. The exit event follows, or the stop below makes it follow.
    child.stdin.on('error', () => this.#beginStop('stdin-closed'))
  }

  #onSpawnFailure(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onEnd({ kind: 'not-started', error })
    this.#onGroupGone()
  }

  #onLineTooLong(): void {
    if (this.#fault !== undefined) return
    this.#fault = 'line-too-long'
    // It does not keep to the framing; there is no good order to end it in.
    this.#spawned?.stdout.destroy()
    void this.kill()
  }

  #beginStop(cause: ChildFault | undefined): void {
    if (this.#stopping || this.#spawned === undefined || this.#exit !== undefined) return
    this.#stopping = true
    const { clock, stopTimeoutMs } = this.#options
    this.#spawned.stdin.end()
    this.#timer = clock.after(stopTimeoutMs, () => {
      this.#fault ??= cause
      this.#signalGroup('SIGTERM')
      this.#timer = clock.after(stopTimeoutMs, () => this.#signalGroup('SIGKILL'))
    })
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exit = { code, signal }
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(EXIT_DRAIN_MS, () => this.#finish())
    this.#reapGroup()
  }

  #finish(): void {
    if (this.#ended || this.#exit === undefined) return
    this.#ended = true
    this.#timer?.cancel()
    this.#stdout.end()
    this.#stderr.end()
    for (const stream of this.#spawned?.stdio ?? []) stream?.destroy()
    this.#options.onEnd({
      kind: 'exited',
      exitCode: this.#exit.code ?? undefined,
      signal: this.#exit.signal ?? undefined,
      fault: this.#fault,
    })
    if (this.#isGroupGone) this.#gone.resolve()
  }

  /** What the child had started lives on in its group when the child is gone: it is told to end, then made to. */
  #reapGroup(): void {
    if (!this.#isGroupAlive()) {
      this.#onGroupGone()
      return
    }
    const { clock, stopTimeoutMs } = this.#options
    const killAtMs = clock.monotonicMs() + stopTimeoutMs
    this.#signalGroup('SIGTERM')
    const poll = clock.every(GROUP_POLL_MS, () => {
      const isOverdue = clock.monotonicMs() >= killAtMs
      if (isOverdue) this.#signalGroup('SIGKILL')
      if (!isOverdue && this.#isGroupAlive()) return
      poll.cancel()
      this.#onGroupGone()
    })
  }

  #onGroupGone(): void {
    this.#isGroupGone = true
    if (this.#ended) this.#gone.resolve()
  }

  #isGroupAlive(): boolean {
    const { pid } = this
    if (pid === undefined) return false
    try {
      process.kill(-pid, 0)
      return true
    } catch (thrown) {
      // EPERM: somebody is there, running as another user.
      return isNodeError(thrown, 'EPERM')
    }
  }

  #signalGroup(signal: NodeJS.Signals): void {
    const { pid } = this
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch (thrown) {
      // ESRCH: nobody is left. EPERM: not ours to end (a set-uid program); the leader's pipes are closed all the same.
      if (!isNodeError(thrown, 'ESRCH') && !isNodeError(thrown, 'EPERM')) throw thrown
    }
  }
}
