// One at a time for what needs more than one rename: a file beside says whose turn it is. Held for milliseconds; one that a
// killed run left behind is taken over.
import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, isNodeError } from '../core/index.ts'
import { CertificateError } from './certificate-error.ts'
import { isTaken, readIfThere, writeNewFile } from './files.ts'

const POLL_MS = 20
const PATIENCE_MS = 10_000

interface Holder {
  readonly token: string
  readonly process: number
  readonly host: string
}

/** Runs `work` while nobody else does for the same path. */
export async function withTurn<T>(path: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const file = `${path}.turn`
  const token = randomBytes(8).toString('hex')
  const mine: Holder = { token, process: process.pid, host: hostname() }
  await take(file, mine, clock)
  try {
    return await work()
  } finally {
    await rm(file, { force: true })
  }
}

async function take(file: string, mine: Holder, clock: Clock): Promise<void> {
  const fromMs = clock.monotonicMs()
  for (;;) {
    try {
      await writeNewFile({ path: file, content: JSON.stringify(mine), secret: true })
      return
    } catch (thrown) {
      if (!isTaken(thrown)) throw thrown
    }
    const text = await readIfThere(file)
    if (text !== undefined && isLeftBehind(text)) await remove(file, text)
    if (clock.monotonicMs() - fromMs > PATIENCE_MS) {
      const message = `${file}: expected the run that has this turn to end, it has not in ${PATIENCE_MS / 1000} s; when no other run is under way, delete the file`
      throw new CertificateError('files', message)
    }
    // A clock's timer would let the process end in the middle of this wait.
    await pause(POLL_MS)
  }
}

/** Of a process of this machine that is no more. One of another machine, on a shared disk, cannot be judged. */
function isLeftBehind(text: string): boolean {
  const { process: pid, host } = JSON.parse(text) as Holder
  if (host !== hostname()) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (thrown) {
    return isNodeError(thrown, 'ESRCH')
  }
}

/** Two runs may find the same one left behind, so it is moved away first and looked at again: it may be the other's by then. */
async function remove(file: string, text: string): Promise<void> {
  const aside = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await rename(file, aside)
  } catch (thrown) {
    if (isNodeError(thrown, 'ENOENT')) return
    throw thrown
  }
  if ((await readFile(aside, 'utf8')) !== text) {
    await link(aside, file).catch((thrown: unknown) => {
      if (!isNodeError(thrown, 'EEXIST')) throw thrown
    })
  }
  await rm(aside, { force: true })
}
