// A place for files that all tests of a file share.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder that is removed after the last test of the file. To be called while tests are collected. */
export function sharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
