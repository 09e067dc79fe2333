// The gateway as users run it: a process of its own, from a config file, looked at from outside.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { stringify } from 'yaml'
import { temporaryFolder } from './temporary-folder.ts'

const BIN = resolve(import.meta.dirname, '../../src/cli/bin.ts')

export interface GatewayProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** Of the first listener. */
  readonly url: string
  /** Of all listeners, in the order of the document. */
  readonly urls: readonly string[]
  readonly adminUrl: string
  /** Resident memory in bytes. */
  residentBytes(): number
  openDescriptors(): number
  /** The end of what it wrote to stderr: log lines, and what libraries print. */
  log(): string
  /** Processes it started that still live. */
  children(): readonly number[]
  /** Value of a metric's sample, labels as printed. */
  metric(sample: string): Promise<number>
}

/** Starts `sallyport serve` with this document (and an admin listener) for one test and waits until it listens. */
export function startGatewayProcess(
  document: object,
  env?: NodeJS.ProcessEnv,
): Promise<GatewayProcess> {
  return launchGatewayProcess(document, { folder: temporaryFolder(), onEnd: onTestFinished, env })
}

export interface Launch {
  /** For its config and its state. */
  readonly folder: string
  /** Takes what ends the process: `onTestFinished`, `afterAll`. */
  readonly onEnd: (end: () => Promise<void>) => void
  /** In place of the environment of the tests. */
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** The same, for as long as `onEnd` says. */
export async function launchGatewayProcess(
  document: object,
  { folder, onEnd, env }: Launch,
): Promise<GatewayProcess> {
  const file = join(folder, 'sallyport.yaml')
  const whole = { admin: { listen: '127.0.0.1:0' }, state_dir: join(folder, 'state'), ...document }
  writeFileSync(file, stringify(whole))
  const child = spawn(process.execPath, [BIN, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  onEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  let log = ''
  child.stderr
    .setEncoding('utf8')
    .on('data', (chunk: string) => (log = (log + chunk).slice(-20_000)))
  const urls: string[] = []
  let adminUrl: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    urls.push(...(/^listening on (\S+)/.exec(line)?.slice(1) ?? []))
    // The last line of the start.
    adminUrl = /^admin on (\S+)/.exec(line)?.[1]
    if (adminUrl !== undefined) break
  }
  child.stdout.resume()
  const [url] = urls
  if (url === undefined || adminUrl === undefined) throw new Error(`no address; its log:\n${log}`)
  const { pid = 0 } = child
  const admin = adminUrl
  return {
    child,
    pid,
    url,
    urls,
    adminUrl,
    residentBytes: () => Number(/VmRSS:\s+(\d+)/.exec(status(pid))?.[1]) * 1_024,
    openDescriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    log: () => log,
    children: () => childrenOf(pid),
    metric: async (sample) => {
      const text = await (await fetch(`${admin}/metrics`)).text()
      const line = text.split('\n').find((it) => it.startsWith(`${sample} `))
      return line === undefined ? 0 : Number(line.slice(sample.length + 1))
    },
  }
}

const status = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8')

function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return new RegExp(`^PPid:\\s+${pid}$`, 'm').test(status(Number(name)))
      } catch {
        // Gone between the listing and the look.
        return false
      }
    })
    .map(Number)
}
