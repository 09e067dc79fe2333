import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BIN, folderWith } from './run-cli.ts'

const CANDIDATES = [process.env['SALLYPORT_OLD_NODE'], '/usr/local/bin/node', '/usr/bin/node']

/** A Node below 22.19 on this machine, with its version. */
function findOldNode(): { readonly path: string; readonly version: string } | undefined {
  for (const path of CANDIDATES) {
    if (path === undefined) continue
    try {
      const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1)
      const [major = 0, minor = 0] = version.split('.').map(Number)
      if (major < 22 || (major === 22 && minor < 19)) return { path, version }
    } catch {
      // Not there, or not to be run: the next one may be.
    }
  }
  return undefined
}

describe('on a Node below 22.19', () => {
  it('says so in one line and exits with 78', (ctx) => {
    const old = findOldNode()
    if (old === undefined) {
      ctx.skip('no Node below 22.19 at $SALLYPORT_OLD_NODE, /usr/local/bin/node or /usr/bin/node')
    }
    // The entry has no types in it, so its text is the JavaScript that the package has. There is nothing beside it here:
    // what the entry imported before the check would be missed.
    const folder = folderWith({
      'package.json': '{"type":"module"}',
      'bin.js': readFileSync(BIN, 'utf8'),
    })
    const { path = '', version } = old ?? {}
    const ended = spawnSync(path, [join(folder, 'bin.js'), 'serve'], { encoding: 'utf8' })
    expect(ended).toMatchObject({
      status: 78,
      stdout: '',
      stderr: `sallyport: expected Node 22.19 or newer, got ${version}; install a newer one from https://nodejs.org\n`,
    })
  })

  it.each([
    ['20.20.2', 78],
    ['22.18.99', 78],
    ['22.19.0', 0],
    ['24.0.0', 0],
    ['100.1.0', 0],
  ])('looks at major and minor version: %s ends with %i', (version, status) => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
    const args = [
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      BIN,
      '--version',
    ]
    const ended = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(ended.status).toBe(status)
    expect(ended.stderr.split('\n')).toHaveLength(status === 0 ? 1 : 2)
  })

  it('has an entry that a shell can run', () => {
    expect(readFileSync(BIN, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node')
  })
})
