// A folder that lives as long as the run.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'

const MAX_ATTEMPTS = 20
const RETRY_MS = 25

/** Makes a folder whose name starts with `prefix`; it goes when this process does. */
export function makeScratchFolder(prefix: string): string {
  mkdirSync(dirname(prefix), { recursive: true })
  const folder = mkdtempSync(prefix)
  process.once('exit', () => remove(folder))
  return folder
}

/** Children that were just told to end may still write, and rmSync then leaves things without saying so. */
function remove(folder: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let attempt = 1; existsSync(folder) && attempt <= MAX_ATTEMPTS; attempt++) {
    if (attempt > 1) Atomics.wait(pause, 0, 0, RETRY_MS)
    rmSync(folder, { recursive: true, force: true })
  }
}
