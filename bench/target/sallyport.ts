// Starts the gateway as an operator would: the command line program, a config file, every budget at its default.
import { spawnSync, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeScratchFolder } from '../scratch-folder.ts'
import type { TargetContext, TargetPorts, TargetRecipe } from './target.ts'

const ROOT = join(import.meta.dirname, '../..')

const MAX_LAST_WORDS = 1_000

export interface SallyportProgram {
  readonly entry: string
  /** What was started, in words. */
  readonly description: string
}

/**
 * Compiles the sources as they are now, so that no older build is measured; falls back to running them directly. The build
 * is the run's own, inside the project because it needs the project's dependencies.
 */
export function buildSallyport(): SallyportProgram {
  const folder = makeScratchFolder(join(ROOT, '.cache/bench-'))
  const compiled = join(folder, 'dist/cli/bin.js')
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const args = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status } = spawnSync(tsc, args, { stdio: 'ignore' })
  if (status === 0 && existsSync(compiled)) {
    // The program reads its version there, one folder above dist/ as in the package.
    copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
    return { entry: compiled, description: 'compiled by tsc' }
  }
  return { entry: join(ROOT, 'src/cli/bin.ts'), description: 'from source, types stripped' }
}

export interface SallyportVariant {
  readonly name: 'sallyport' | 'sallyport, access log'
  readonly program: SallyportProgram
  readonly hasAccessLog: boolean
}

export function sallyportRecipe(
  context: TargetContext,
  ports: TargetPorts,
  { name, program, hasAccessLog }: SallyportVariant,
): TargetRecipe {
  const folder = join(context.folder, hasAccessLog ? 'sallyport-access-log' : 'sallyport')
  mkdirSync(folder, { recursive: true })
  const configFile = join(folder, 'sallyport.yaml')
  const logFile = join(folder, 'sallyport.log')
  writeFileSync(configFile, sallyportConfig(context, ports, hasAccessLog))
  const spawn = (): ChildProcess => {
    const log = openSync(logFile, 'a')
    const child = context.children.start({
      role: 'target',
      command: process.execPath,
      args: [program.entry, 'serve', '-c', configFile],
      stdio: ['ignore', 'ignore', log],
    })
    closeSync(log)
    return child
  }
  return {
    name,
    ports,
    spawn,
    pids: (child) => [child.pid as number],
    // The file is open for appending, so the next line goes to its new end.
    tidy: () => truncateSync(logFile),
    lastWords: () => readFileSync(logFile, 'utf8').slice(-MAX_LAST_WORDS),
  }
}

export function sallyportConfig(
  { certificate, backend }: Pick<TargetContext, 'certificate' | 'backend'>,
  ports: TargetPorts,
  hasAccessLog: boolean,
): string {
  return `listeners:
  - listen: "127.0.0.1:${ports.http}"
  - listen: "127.0.0.1:${ports.https}"
    tls: {cert_file: ${certificate.certFile}, key_file: ${certificate.keyFile}}
servers:
  notes:
    endpoints: [{url: "http://127.0.0.1:${backend.http}/mcp"}]
routes:
  - {path: /mcp, servers: [notes]}
state_dir: state
${hasAccessLog ? 'log: {access: true}\n' : ''}`
}
