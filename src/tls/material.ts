// What every file of TLS material has in common: how it is read, what can be wrong with it, and how that is said. What is in
// the files is read by credential.ts, authorities.ts and revocation.ts.
import { readFileSync, statSync } from 'node:fs'
import { isNodeError } from '../core/index.ts'

/** What a file, or a password, was named for. */
export type MaterialPart =
  | 'certificate'
  | 'key'
  | 'key-password'
  | 'key-engine'
  | 'key-identifier'
  | 'pfx'
  | 'pfx-password'
  | 'authorities'
  | 'revocation'
  | 'pins'

/** Names files and mend, never content. */
export interface Complaint {
  /** Or the config key, where the problem is not in a file. */
  readonly file: string
  readonly expected: string
  readonly got: string
  readonly mend: string
}

/** Why a file cannot be used. */
export interface MaterialProblem extends Complaint {
  readonly of: MaterialPart
}

/** What was read, or everything that is wrong with it. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly MaterialProblem[] }

/** Files that TLS cannot start with. The message names file and mend, never content. */
export class TlsMaterialError extends Error {
  override readonly name = 'TlsMaterialError'
  readonly code = 'TLS_MATERIAL'
  /** Of the first problem. */
  readonly file: string
  readonly problems: readonly Complaint[]

  constructor(...problems: readonly [Complaint, ...Complaint[]]) {
    super(problems.map(formatProblem).join('; and '))
    this.file = problems[0].file
    this.problems = problems
  }
}

function formatProblem({ file, expected, got, mend }: Complaint): string {
  return `${file}: expected ${expected}, got ${got}; ${mend}`
}

/** @throws TlsMaterialError with all problems. */
export function valueOf<T>(reading: Reading<T>): T {
  if (reading.ok) return reading.value
  const [first, ...others] = reading.problems
  if (first === undefined) throw new Error('a reading that failed without a problem')
  throw new TlsMaterialError(first, ...others)
}

/** A failed reading with one problem. */
export function failed(problem: MaterialProblem): Reading<never> {
  return { ok: false, problems: [problem] }
}

/** Far more than the roots of the whole web, or the revocations of a company, take up. */
const MAX_FILE_BYTES = 16_777_216

/** The whole file. */
export function readMaterialFile(
  file: string,
  { of, expected }: Pick<MaterialProblem, 'of' | 'expected'>,
): Reading<Buffer> {
  try {
    const { size } = statSync(file)
    if (size > MAX_FILE_BYTES) {
      return failed({ of, file, expected, got: `${size} bytes`, mend: 'name the right file' })
    }
    return { ok: true, value: readFileSync(file) }
  } catch (thrown) {
    return failed({ of, file, expected, ...describeReadFailure(thrown, file) })
  }
}

/** What kept a file from being read, and the mend. */
export function describeReadFailure(
  thrown: unknown,
  file: string,
): Pick<MaterialProblem, 'got' | 'mend'> {
  if (isNodeError(thrown, 'ENOENT') || isNodeError(thrown, 'ENOTDIR')) {
    return { got: `no file at ${file}`, mend: 'correct the path, or create the file' }
  }
  if (isNodeError(thrown, 'EACCES') || isNodeError(thrown, 'EPERM')) {
    return { got: `no permission to read ${file}`, mend: 'let the user of the gateway read it' }
  }
  if (isNodeError(thrown, 'EISDIR')) {
    return { got: `a folder at ${file}`, mend: 'name the file in it' }
  }
  throw thrown
}

/** The blocks of a PEM text (RFC 7468) with one of these labels. */
export function pemBlocks(text: string, label: RegExp): readonly string[] {
  return (
    text.match(new RegExp(`-----BEGIN (${label.source})-----[^]*?-----END \\1-----`, 'g')) ?? []
  )
}

/** Why a text holds none of what was looked for; the answer is nearly always in its first line. */
export function mendForNoPem(bytes: Buffer, derCommand: string): string {
  if (bytes.includes('-----BEGIN ')) return 'look whether files are swapped'
  return `convert it to PEM, a text that starts with "-----BEGIN": ${derCommand}`
}
