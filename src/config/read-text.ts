// The text of a configuration file, or why there is none.
import { readFileSync } from 'node:fs'
import { describeReadFailure } from '../tls/index.ts'
import type { Fault } from './fault.ts'

/** Far beyond any real configuration, and little enough to hold at once. */
const MAX_FILE_BYTES = 1_048_576

/** `file` is what the user wrote; faults name it so. */
export function readText(absolute: string, file: string): string | Fault {
  const fault = { place: { kind: 'whole-file', file } as const, path: '' }
  const expected = 'a configuration file'
  try {
    const bytes = readFileSync(absolute)
    if (bytes.length <= MAX_FILE_BYTES) return bytes.toString('utf8')
    const got = `${bytes.length} bytes`
    return {
      ...fault,
      expected: `a file of at most ${MAX_FILE_BYTES} bytes`,
      got,
      mend: 'shorten it',
    }
  } catch (error) {
    const { got, mend } = describeReadFailure(error, absolute)
    return { ...fault, expected, got, mend: `${mend}, or name another one with -c FILE` }
  }
}
