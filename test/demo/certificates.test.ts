import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keepCertificates } from '../../demo/certificates.ts'
import type { SubjectName } from '../../src/certs/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const localhost: SubjectName = { kind: 'dns', value: 'localhost' }
const loopback: SubjectName = { kind: 'ip', value: '127.0.0.1' }

const FILES = ['ca.crt', 'ca.key', 'server.crt', 'server.key'] as const

/** Which files a second look has left alone, after `change`. */
async function keptAfter(
  change: (folder: string) => void,
  { names = [localhost], nowMs = Date.now() } = {},
): Promise<readonly string[]> {
  const folder = temporaryFolder()
  await keepCertificates(folder, [localhost])
  change(folder)
  const read = () =>
    FILES.map((name) => {
      try {
        return readFileSync(join(folder, name), 'utf8')
      } catch {
        return undefined
      }
    })
  const before = read()
  const { server } = await keepCertificates(folder, names, nowMs)
  const after = read()
  const certificate = new X509Certificate(readFileSync(server.certFile))
  const ca = new X509Certificate(readFileSync(join(folder, 'ca.crt')))
  expect(certificate.verify(ca.publicKey)).toBe(true)
  for (const name of ['ca.key', 'server.key']) {
    expect((statSync(join(folder, name)).mode & 0o777).toString(8)).toBe('600')
  }
  return FILES.filter((_, index) => before[index] === after[index])
}

const CA = ['ca.crt', 'ca.key']
const ALL = [...CA, 'server.crt', 'server.key']

describe('the certificates of the demo', () => {
  it('are kept while they are good', async () => {
    expect(await keptAfter(() => {})).toEqual(ALL)
    expect(await keptAfter(() => {}, { nowMs: Date.now() + 70 * DAY_MS })).toEqual(ALL)
  })

  it.each<[string, (folder: string) => void, readonly string[]]>([
    ['the server key is gone', (folder) => rmSync(join(folder, 'server.key')), CA],
    ['the server key is no key', (folder) => writeFileSync(join(folder, 'server.key'), 'x'), CA],
    [
      'others may read the server key',
      (folder) => chmodSync(join(folder, 'server.key'), 0o640),
      CA,
    ],
    ['the authority is gone', (folder) => rmSync(join(folder, 'ca.crt')), []],
    ['others may read its key', (folder) => chmodSync(join(folder, 'ca.key'), 0o604), []],
  ])('are made anew as far as needed when %s', async (_, change, kept) => {
    expect(await keptAfter(change)).toEqual(kept)
  })

  it('are made anew when they end soon, or have ended', async () => {
    expect(await keptAfter(() => {}, { nowMs: Date.now() + 77 * DAY_MS })).toEqual(CA)
    expect(await keptAfter(() => {}, { nowMs: Date.now() + 352 * DAY_MS })).toEqual([])
    expect(await keptAfter(() => {}, { nowMs: Date.now() + 3_650 * DAY_MS })).toEqual([])
  })

  it('are made anew when the server is called by another name', async () => {
    expect(await keptAfter(() => {}, { names: [localhost, loopback] })).toEqual(CA)
  })
})
