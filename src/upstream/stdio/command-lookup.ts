// Whether a command could be started, without starting it.
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, resolve } from 'node:path'

/** Where execvp(3) looks when PATH is not set. */
const DEFAULT_PATH = '/usr/local/bin:/bin:/usr/bin'

/** An executable file of that name, found as a child's start would find it; undefined when there is none. */
export async function findCommand(
  command: string,
  path: string | undefined,
  cwd: string | undefined,
): Promise<string | undefined> {
  const folder = cwd ?? '.'
  if (command.includes('/')) return executable(resolve(folder, command))
  const entries = (path ?? DEFAULT_PATH).split(delimiter)
  const found = await Promise.all(
    entries.map((entry) => executable(resolve(folder, entry, command))),
  )
  return found.find((file) => file !== undefined)
}

async function executable(file: string): Promise<string | undefined> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile() ? file : undefined
  } catch {
    // Absent, not executable, not reachable: the caller only asks whether it can be started.
    return undefined
  }
}
