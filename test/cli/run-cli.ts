// The program as a process of its own, from the source.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'

export const BIN = resolve(import.meta.dirname, '../../src/cli/bin.ts')

type Child = ChildProcessByStdio<null, Readable, Readable>

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Flags of Node and V8. */
  readonly nodeFlags?: readonly string[]
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: Child
  readonly ended: Promise<Ended>
  /** The first line of either stream that matches, now or later. Rejects when the process ends without one. */
  readonly line: (pattern: RegExp) => Promise<RegExpExecArray>
}

export function startCli(
  args: readonly string[],
  { cwd, env = {}, nodeFlags = [] }: RunOptions = {},
): Running {
  const child: Child = spawn(process.execPath, [...nodeFlags, BIN, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: tmpdir(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk
      child.emit('output')
    })
  }
  const ended: Promise<Ended> = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    ...output,
  }))
  return {
    child,
    ended,
    line: async (pattern) => {
      let isOver = false
      void ended.then(() => (isOver = true))
      for (;;) {
        const match = pattern.exec(`${output.stdout}${output.stderr}`)
        if (match !== null) return match
        if (isOver) throw new Error(`ended without ${pattern}:\n${output.stdout}${output.stderr}`)
        await Promise.race([once(child, 'output'), ended])
      }
    },
  }
}

export function runCli(args: readonly string[], options?: RunOptions): Promise<Ended> {
  return startCli(args, options).ended
}

/** A folder with these files. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** A small valid configuration on a free port, with `url` behind its one route. */
export function configFor(url: string, rest = ''): string {
  return `listeners: [{listen: "127.0.0.1:0"}]
servers: {one: {endpoints: [{url: "${url}"}]}}
routes: [{path: /mcp, servers: [one]}]
state_dir: state
${rest}`
}
