// The demo as a newcomer starts it: a process of its own, read by what it prints, and looked at for what it leaves behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../certs/tools.ts'
import { until } from '../support/servers.ts'

const ROOT = resolve(import.meta.dirname, '../..')
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
  /** Its exit code, or the signal that ended it. */
  readonly ended: () => Promise<number | NodeJS.Signals | null>
}

export interface DemoRun {
  readonly stateDir?: string
  readonly port?: number
  /** By npm, or by the Node that runs the tests. */
  readonly by?: 'npm' | 'node'
}

/** Starts the demo and waits until it says that it is up. */
export async function startDemoProcess(run: DemoRun = {}): Promise<DemoProcess> {
  const demo = await spawnDemo(run)
  const { child, output } = demo
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  await until(
    () => output().includes('Ctrl-C stops it') || isOver(),
    'the demo to be up',
    START_TIMEOUT_MS,
  )
  const url = /https:\/\/\S+(?=\/demo )/.exec(output())?.[0]
  const curlLine = /^[^a-z]*(curl .*)$/m.exec(output())?.[1]
  if (url === undefined || curlLine === undefined) throw new Error(`not up:\n${output()}`)
  return { ...demo, url, curlLine }
}

/** Starts the demo and does not wait. */
export async function spawnDemo({
  port = 0,
  by = 'node',
  ...run
}: DemoRun = {}): Promise<Omit<DemoProcess, 'url' | 'curlLine'>> {
  const stateDir = run.stateDir ?? join(await temporaryFolder(), 'state')
  const flags = ['--port', String(port), '--state-dir', stateDir]
  // Without pre-scripts: the packages are in place, and a test is not to install any.
  const npm = ['npm', 'start', '--silent', '--ignore-scripts', '--', ...flags]
  const [program = '', ...args] = by === 'npm' ? npm : [process.execPath, 'demo/start.ts', ...flags]
  const child = spawn(program, args, {
    cwd: ROOT,
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
  onTestFinished(() => {
    for (const member of family()) kill(member)
  })
  return {
    child,
    pid,
    stateDir,
    caFile: join(stateDir, 'ca.crt'),
    configFile: join(stateDir, 'sallyport.yaml'),
    output: () => text,
    family,
    signalGroup: (signal) => process.kill(-pid, signal),
    ended: async () => {
      await closed
      return child.exitCode ?? child.signalCode
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

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in between.
  }
}
