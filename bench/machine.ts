// What identifies a run: the machine and the versions of what was measured.
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { NginxVersion } from './target/nginx.ts'

export interface Machine {
  readonly processor: string
  readonly coreCount: number
  readonly node: string
  /** The TLS library of that Node. */
  readonly openssl: string
  readonly undici: string
  readonly nginx: NginxVersion | undefined
  readonly sallyport: string
  readonly isPinned: boolean
}

const ROOT = join(import.meta.dirname, '..')

export function describeMachine(found: Pick<Machine, 'nginx' | 'sallyport' | 'isPinned'>): Machine {
  const [first] = cpus()
  return {
    processor: first?.model.trim() ?? 'unknown',
    coreCount: cpus().length,
    node: process.version,
    openssl: `OpenSSL ${process.versions.openssl}`,
    undici: versionOf('node_modules/undici/package.json'),
    ...found,
  }
}

export function versionOf(packageFile: string): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, packageFile), 'utf8')) as {
    version: string
  }
  return version
}
