// The demo as a newcomer starts it: a process of its own, read by what it prints, and looked at for what it leaves behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { until } from '../support/servers.ts'

const START_TIMEOUT_MS = 15_000

export interface DemoProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly stateDir: string
  readonly caFile: string
  readonly configFile: string
  /** `https://127.0.0.1:1234`. */
  readonly url: string
  /** Found as a program that only knows "a line that begins with curl" finds it. */
  readonly curlLine: string
  /** All that it has printed so far. */
  readonly output: () => string
  /** The process and all below it that live now. */
  readonly family: () => readonly number[]
  /** As a terminal does it at Ctrl-C: to every process of the group. */
  readonly signalGroup: (signal: NodeJS.Signals) => void
  /** Resolves when it has ended and closed its output, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Kills what is left of it. */
  readonly kill: () => void
}

export interface DemoRun {
  /** Default: a folder that goes with the demo. */
  readonly stateDir?: string
  readonly port?: number
  /** By npm, or by the Node that runs the tests. */
  readonly by?: 'npm' | 'node'
  /** A project other than this one, in which nothing is said about port and state folder. */
  readonly root?: string
  /** Besides the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the demo, waits until it says that it is up, and ends it with the test. */
export async function startDemoProcess(run: DemoRun = {}): Promise<DemoProcess> {
  const demo = await startSharedDemo(run)
  onTestFinished(demo.kill)
  return demo
}

/** Starts the demo and waits until it says that it is up; the caller ends it. */
export async function startSharedDemo(run: DemoRun = {}): Promise<DemoProcess> {
  const demo = spawnDemo(run)
  const { child, output } = demo
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  await until(
    () => output().includes('Ctrl-C stops it') || isOver(),
    'the demo to be up',
    START_TIMEOUT_MS,
  )
  const url = /https:\/\/\S+(?=\/demo )/.exec(output())?.[0]
  const curlLine = /^[^a-z]*(curl .*)$/m.exec(output())?.[1]
  if (url !== undefined && curlLine !== undefined) return { ...demo, url, curlLine }
  demo.kill()
  throw new Error(`not up:\n${output()}`)
}

/** Starts the demo and does not wait; the caller ends it. */
export function spawnDemo(run: DemoRun = {}): Omit<DemoProcess, 'url' | 'curlLine'> {
  const { port = 0, by = 'node', root } = run
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'))
  const stateDir = run.stateDir ?? (root ? join(root, '.sallyport/demo') : join(folder, 'state'))
  const flags = root === undefined ? ['--port', String(port), '--state-dir', stateDir] : []
  // Without pre-scripts: the packages are in place, and a test is not to install any.
  const npm = ['npm', 'start', '--silent', '--ignore-scripts', '--', ...flags]
  const [program = '', ...args] = by === 'npm' ? npm : [process.execPath, 'demo/start.ts', ...flags]
  const child = spawn(program, args, {
    cwd: root ?? resolve(import.meta.dirname, '../..'),
    env: { ...process.env, ...run.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  const { pid = 0 } = child
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  }
  const family = () => [pid, ...descendants(pid)].filter(isRunning)
  return {
    child,
    pid,
    stateDir,
    caFile: join(stateDir, 'ca.crt'),
    configFile: join(stateDir, 'sallyport.yaml'),
    output: () => text,
    family,
    signalGroup: (signal) => process.kill(-pid, signal),
    ended: closed.then(() => child.exitCode ?? child.signalCode),
    kill: () => {
      // The group as well: whose parent is gone is no descendant any more.
      for (const target of [...family(), -pid]) kill(target)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Waits until none of the processes is left, but not for ever: what still runs then is the answer. */
export async function leftOf(pids: readonly number[]): Promise<readonly string[]> {
  const gone = until(() => !pids.some(isRunning), 'processes to end')
  return gone.then(
    () => [],
    () => pids.filter(isRunning).map((pid) => statusOf(pid) ?? String(pid)),
  )
}

/** One that has ended and was not waited for yet does not run any more. */
function isRunning(pid: number): boolean {
  const status = statusOf(pid)
  return status !== undefined && !/^State:\s+Z/m.test(status)
}

function descendants(pid: number): readonly number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((it) => new RegExp(`^PPid:\\s+${pid}$`, 'm').test(statusOf(it) ?? ''))
  return children.flatMap((child) => [child, ...descendants(child)])
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    // It ended in between.
    return undefined
  }
}

function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL')
  } catch {
    // It ended in between.
  }
}
