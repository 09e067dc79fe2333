// The programs that look at the listener: whether they are there, in which line of versions, and one conversation with them.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

export interface Tool {
  /** The program, and what titles of tests and the page call it. */
  readonly name: string
  readonly isInstalled: boolean
  /** Major and minor of the installed version, which is what its abilities hang on; '' when there is none. */
  readonly line: string
}

/** What a tool is asked for its version with, and where the answer has it. */
interface Asking {
  readonly args: readonly string[]
  readonly pattern: RegExp
}

function findTool(name: string, { args, pattern }: Asking): Tool {
  const isInstalled = isOnPath(name)
  const { stdout = '', stderr = '' } = isInstalled
    ? spawnSync(name, args, { encoding: 'utf8', timeout: 10_000 })
    : {}
  return { name, isInstalled, line: pattern.exec(stdout + stderr)?.[1] ?? '' }
}

/** Looked up, not run: some of them would open a window for an argument that they do not know. */
function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      // Not in this folder.
      return false
    }
  })
}

export const OPENSSL = findTool('openssl', { args: ['version'], pattern: /OpenSSL (\d+\.\d+)/ })
export const GNUTLS = findTool('gnutls-cli', {
  args: ['--version'],
  pattern: /gnutls-cli (\d+\.\d+)/,
})
export const CURL = findTool('curl', { args: ['--version'], pattern: /curl (\d+\.\d+)/ })
export const SSLSCAN = findTool('sslscan', { args: ['--version'], pattern: /(\d+\.\d+)\.\d/ })
export const NMAP = findTool('nmap', { args: ['--version'], pattern: /Nmap version (\d+\.\d+)/ })
export const TESTSSL = findTool('testssl', {
  args: ['--version'],
  pattern: /testssl\S* +(\d+\.\d+)/,
})
/** Puts the test’s authority where chromium looks for those it trusts. */
export const CERTUTIL = findTool('certutil', { args: ['-H'], pattern: /(?!)/ })
const BROWSER = findTool('chromium', { args: ['--version'], pattern: /Chromium (\d+)/ })
export const CHROMIUM: Tool = {
  ...BROWSER,
  isInstalled: BROWSER.isInstalled && CERTUTIL.isInstalled,
}

/** Far beyond what any of them takes, handshakes of a machine under load included. */
const TALK_LIMIT_MS = 60_000

export interface Talk {
  readonly exitCode: number | null
  readonly output: string
}

export interface TalkOptions {
  readonly input?: string
  readonly env?: NodeJS.ProcessEnv
  readonly limitMs?: number
}

/** Runs a program that is fed `input` and whose input stays open until it ends by itself. */
export async function converse(
  { name }: Tool,
  args: readonly string[],
  { input = '', env = process.env, limitMs = TALK_LIMIT_MS }: TalkOptions = {},
): Promise<Talk> {
  const child = spawn(name, args, { env, timeout: limitMs, killSignal: 'SIGKILL' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  // It may be gone before it is fed: that is what a refusal looks like.
  child.stdin.on('error', () => {})
  child.stdin.write(input)
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (signal !== null) throw new Error(`${name} ${args.join(' ')} did not end:\n${output}`)
  return { exitCode, output }
}
