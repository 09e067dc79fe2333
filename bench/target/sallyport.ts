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
import type {
  AnyPorts,
  LaneTargetName,
  TargetContext,
  TargetPorts,
  TargetRecipe,
} from './target.ts'

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

export interface SallyportOrder {
  readonly name: 'sallyport' | 'sallyport, access log' | LaneTargetName
  readonly program: SallyportProgram
  /** The text of the config file. */
  readonly config: string
}

export function sallyportRecipe<P extends AnyPorts>(
  { children, folder }: Pick<TargetContext, 'children' | 'folder'>,
  ports: P,
  { name, program, config }: SallyportOrder,
): TargetRecipe<P> {
  const own = join(folder, name.replace(', ', '-').replace(' ', '-'))
  mkdirSync(own, { recursive: true })
  const configFile = join(own, 'sallyport.yaml')
  const logFile = join(own, 'sallyport.log')
  writeFileSync(configFile, config)
  const spawn = (): ChildProcess => {
    const log = openSync(logFile, 'a')
    const child = children.start({
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
${sallyportServers(backend)}state_dir: state
${hasAccessLog ? 'log: {access: true}\n' : ''}`
}

/** The backend as the only server, at the path that the calls of the bench go to. */
export function sallyportServers({ http }: Pick<TargetContext['backend'], 'http'>): string {
  return `servers:
  notes:
    endpoints: [{url: "http://127.0.0.1:${http}/mcp"}]
routes:
  - {path: /mcp, servers: [notes]}
`
}
