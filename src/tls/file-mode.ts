// Whether a private key is one: a file that everybody on the machine can read is not.
import { statSync } from 'node:fs'
import { describeReadFailure, type MaterialPart, type MaterialProblem } from './material.ts'

/**
 * Everything but the owner's rights and reading by the group. The group may read, because that is how a key gets to a
 * gateway that does not own it: Debian's `ssl-cert`, `fsGroup` of Kubernetes.
 */
const FORBIDDEN_MODE = 0o027
const MODE_BITS = 0o777

/** What is wrong with the rights on a file with a key. Windows has access lists instead, which are not looked at. */
export function fileModeProblem(file: string, of: MaterialPart): MaterialProblem | undefined {
  if (process.platform === 'win32') return undefined
  const what = of === 'key-identifier' ? 'a PIN' : 'a key'
  const expected = `${what} that only its owner and its group can read`
  try {
    const mode = statSync(file).mode & MODE_BITS
    if ((mode & FORBIDDEN_MODE) === 0) return undefined
    const got = `mode 0${mode.toString(8)}`
    const mend = 'run: chmod 600 FILE, or set insecure_allow_readable_keys: true'
    return { of, file, expected, got, mend }
  } catch (thrown) {
    return { of, file, expected, ...describeReadFailure(thrown, file) }
  }
}
