// A config file in a folder of its own, loaded with a chosen environment.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ConfigFault, formatFault, loadConfig } from '../../src/config/index.ts'

export const MINIMAL = `listeners:
  - listen: 127.0.0.1:8443
servers:
  weather:
    endpoints:
      - url: http://127.0.0.1:5051/mcp
  files:
    endpoints:
      - command: npx
routes:
  - {path: /mcp, servers: [weather]}
  - {path: /files, servers: [files]}
`

/** MINIMAL with one text replaced, which must be there. */
export function changed(from: string, to: string): string {
  if (!MINIMAL.includes(from)) throw new Error(`not in the minimal file: ${from}`)
  return MINIMAL.replace(from, to)
}

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Loads `text` as sallyport.yaml of a new folder. */
export function load(text: string, env: Record<string, string> = {}, folder = tempFolder()) {
  writeFileSync(join(folder, 'sallyport.yaml'), text)
  return loadConfig({ file: 'sallyport.yaml', env: { HOME: '/home/user', ...env }, cwd: folder })
}

/** The valid result; a fault fails the test with its text. */
export function loadValid(...request: Parameters<typeof load>) {
  const loaded = load(...request)
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'))
  return loaded
}

export function faultsOf(...request: Parameters<typeof load>): readonly ConfigFault[] {
  const loaded = load(...request)
  return loaded.ok ? [] : loaded.faults
}

/** The faults as they are printed, in order. */
export function faultLines(...request: Parameters<typeof load>): readonly string[] {
  return faultsOf(...request).map(formatFault)
}

/** A self-signed pair: `name`.crt and `name`.key. */
export function makePair(
  folder: string,
  name: string,
  key: readonly string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
): void {
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-newkey', ...key]
  const output = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
  execFileSync('openssl', ['req', '-x509', ...subject, ...output], { cwd: folder, stdio: 'ignore' })
}
