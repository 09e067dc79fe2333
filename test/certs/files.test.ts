import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { keyPairFiles, makePrivateFolder, writeKeyPair } from '../../src/certs/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const pair = { certPem: 'certificate\n', keyPem: 'key\n' }
const modeOf = async (path: string): Promise<string> =>
  ((await stat(path)).mode & 0o777).toString(8)

/** Of the whole process, so it is put back with the test. */
function setUmask(mask: number): void {
  const before = process.umask(mask)
  onTestFinished(() => void process.umask(before))
}

describe('a written pair', () => {
  it.each([0o000, 0o022, 0o077])('has a key for its owner alone, under umask %o', async (mask) => {
    const folder = temporaryFolder()
    setUmask(mask)
    const { certFile, keyFile } = await writeKeyPair({ folder, name: 'server', pair })
    expect(await modeOf(keyFile)).toBe('600')
    expect(await modeOf(certFile)).toBe('644')
    expect(await readFile(keyFile, 'utf8')).toBe('key\n')
    expect(await readFile(certFile, 'utf8')).toBe('certificate\n')
    expect(await readdir(folder)).toEqual(['server.crt', 'server.key'])
  })

  it.each(['crt', 'key'])('leaves everything as it was when the .%s is there', async (ending) => {
    const folder = temporaryFolder()
    const there = join(folder, `server.${ending}`)
    await writeFile(there, 'before')
    const written = writeKeyPair({ folder, name: 'server', pair })
    await expect(written).rejects.toThrow(`${there}: expected no such file`)
    expect(await readdir(folder)).toEqual([`server.${ending}`])
    expect(await readFile(there, 'utf8')).toBe('before')
  })

  it('replaces another one when asked to, and narrows the mode of its key', async () => {
    const folder = temporaryFolder()
    const { keyFile, certFile } = keyPairFiles(folder, 'server')
    await writeFile(keyFile, 'before', { mode: 0o644 })
    await writeKeyPair({ folder, name: 'server', pair, overwrite: true })
    expect(await readFile(keyFile, 'utf8')).toBe('key\n')
    expect(await readFile(certFile, 'utf8')).toBe('certificate\n')
    expect(await modeOf(keyFile)).toBe('600')
  })

  it('leaves nothing behind when it cannot be written', async () => {
    const folder = temporaryFolder()
    await mkdir(join(folder, 'server.crt'))
    await expect(writeKeyPair({ folder, name: 'server', pair })).rejects.toThrow('server.crt')
    expect(await readdir(folder)).toEqual(['server.crt'])
  })
})

describe('a private folder', () => {
  it('is made with those above it, for its owner alone', async () => {
    const folder = temporaryFolder()
    setUmask(0)
    await makePrivateFolder(join(folder, 'above', 'own'))
    expect(await modeOf(join(folder, 'above'))).toBe('700')
    expect(await modeOf(join(folder, 'above', 'own'))).toBe('700')
  })

  it('keeps the mode that it has when it is there', async () => {
    const folder = temporaryFolder()
    await chmod(folder, 0o755)
    await makePrivateFolder(folder)
    expect(await modeOf(folder)).toBe('755')
  })
})
