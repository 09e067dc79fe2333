// The set-up before `npm start` and `npm test`, in a project of its own whose one package lies beside it: no network.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SETUP = resolve(import.meta.dirname, '../../scripts/setup.mjs')
const ANNOUNCED = /^installing the packages of this project/

function write(file: string, content: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(content))
}

function writeLock(folder: string, version: string): void {
  write(join(folder, 'beside/package.json'), { name: 'beside', version })
  write(join(folder, 'package-lock.json'), {
    name: 'project',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'project', devDependencies: { beside: 'file:beside' } },
      beside: { version, dev: true },
      'node_modules/beside': { resolved: 'beside', link: true },
    },
  })
}

async function project(): Promise<string> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'scripts'))
  copyFileSync(SETUP, join(folder, 'scripts/setup.mjs'))
  write(join(folder, 'package.json'), {
    name: 'project',
    engines: { node: '>=99' },
    devDependencies: { beside: 'file:beside' },
  })
  writeLock(folder, '1.0.0')
  return folder
}

/** At somebody's terminal, or in a build. */
function setUp(folder: string, where: 'terminal' | 'build' = 'terminal') {
  const env = { ...process.env, CI: where === 'build' ? 'true' : '' }
  return run(process.execPath, [join(folder, 'scripts/setup.mjs')], env)
}

const installedVersion = (folder: string): unknown =>
  JSON.parse(readFileSync(join(folder, 'node_modules/beside/package.json'), 'utf8')).version

describe('set-up', () => {
  it('installs the packages when there are none, in one line, and leaves the lock file alone', async () => {
    const folder = await project()
    const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8')
    const { exitCode, output } = await setUp(folder)
    // The project asks for a Node that does not exist yet, of which nobody needs to hear here.
    expect(output.trimEnd().split('\n')).toEqual([expect.stringMatching(ANNOUNCED)])
    expect(exitCode).toBe(0)
    expect(installedVersion(folder)).toBe('1.0.0')
    expect(readFileSync(join(folder, 'package-lock.json'), 'utf8')).toBe(lock)
  })

  it('says and does nothing when they are in place', async () => {
    const folder = await project()
    await setUp(folder)
    const npmNote = join(folder, 'node_modules/.package-lock.json')
    utimesSync(npmNote, 1, 1)
    expect(await setUp(folder)).toEqual({ exitCode: 0, output: '' })
    // Also when it was somebody else who installed them.
    rmSync(join(folder, 'node_modules/.sallyport-setup'))
    expect(await setUp(folder)).toEqual({ exitCode: 0, output: '' })
    expect(statSync(npmNote).mtimeMs).toBe(1_000)
    expect(existsSync(join(folder, 'node_modules/.sallyport-setup'))).toBe(true)
  })

  it('installs again when the lock file asks for something else', async () => {
    const folder = await project()
    await setUp(folder)
    writeLock(folder, '2.0.0')
    expect((await setUp(folder)).output).toMatch(ANNOUNCED)
    expect(await setUp(folder)).toEqual({ exitCode: 0, output: '' })
  })

  it('lets a build log have all that npm says', async () => {
    const { exitCode, output } = await setUp(await project(), 'build')
    expect(exitCode).toBe(0)
    expect(output).toMatch(/added 1 package/)
  })

  it('tells why when it cannot, and fails', async () => {
    const folder = await project()
    rmSync(join(folder, 'beside'), { recursive: true })
    write(join(folder, 'package.json'), { name: 'project', devDependencies: { beside: 'none:x' } })
    const { exitCode, output } = await setUp(folder)
    expect(exitCode).toBe(1)
    expect(output).toMatch(/npm error code EUNSUPPORTEDPROTOCOL/)
    expect(output).toMatch(/set-up: npm install failed \(exit code 1\)/)
  })
})
