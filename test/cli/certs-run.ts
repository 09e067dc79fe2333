// `sallyport certs …` as a process in a folder of its own.
import { readFileSync, statSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Ended, runCli, startCli } from './run-cli.ts'

export interface CertsFolder {
  readonly folder: string
  readonly path: (...parts: string[]) => string
  /** Words are split at spaces. */
  readonly certs: (line: string, env?: Readonly<Record<string, string>>) => Promise<Ended>
  readonly start: (line: string) => ReturnType<typeof startCli>
  readonly read: (path: string) => string
  readonly cert: (path: string) => X509Certificate
  readonly mode: (path: string) => string
}

export function certsFolder(): CertsFolder {
  const folder = temporaryFolder()
  const path = (...parts: string[]): string => join(folder, ...parts)
  const args = (line: string): string[] => ['certs', ...line.split(' ').filter(Boolean)]
  const read = (name: string): string => readFileSync(path(name), 'utf8')
  return {
    folder,
    path,
    read,
    certs: (line, env = {}) => runCli(args(line), { cwd: folder, env }),
    start: (line) => startCli(args(line), { cwd: folder }),
    cert: (name) => new X509Certificate(read(name)),
    mode: (name) => (statSync(path(name)).mode & 0o777).toString(8),
  }
}

export const DAY_MS = 24 * 60 * 60 * 1000

export function daysOf({ validFrom, validTo }: X509Certificate): number {
  return Math.floor((Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS)
}
