// Runs one of the `sallyport certs` commands and turns what it could not do into one line and an exit code.
import { CertificateError } from '../../certs/index.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { reportFailure } from '../output.ts'
import type { CertsCall, CertsCommand } from './definition.ts'

type Run = (call: CertsCall) => Promise<ExitCode>

const making: () => Promise<Run> = async () => (await import('./make.ts')).make

const COMMANDS: Readonly<Record<CertsCommand, () => Promise<Run>>> = {
  ca: making,
  gateway: making,
  plugin: making,
  server: making,
  client: making,
  all: async () => (await import('./all.ts')).all,
  check: async () => (await import('./check.ts')).check,
  inspect: async () => (await import('./inspect.ts')).inspect,
  revoke: async () => (await import('./revocation.ts')).revokeOne,
  crl: async () => (await import('./revocation.ts')).writeCrl,
  renew: async () => (await import('./renew.ts')).renew,
}

export async function runCerts(call: CertsCall): Promise<ExitCode> {
  try {
    const run = await COMMANDS[call.command]()
    return await run(call)
  } catch (error) {
    const failure = explainFailure(error)
    // Anything else is a fault of ours, and main.ts tells those.
    if (failure === undefined) throw error
    reportFailure(failure.reason, error, call.flags.verbose ?? false)
    return failure.exitCode
  }
}

const EXIT_CODES = {
  request: exitCodes.usage,
  files: exitCodes.config,
  denied: exitCodes.denied,
} as const

const FILE_FAILURES: Readonly<Record<string, string>> = {
  EACCES: 'not permitted; run it as the user who owns the folder, or name another with --dir',
  EPERM: 'not permitted; run it as the user who owns the folder, or name another with --dir',
  EROFS: 'the file system is read-only; name a folder that can be written with --dir',
  ENOSPC: 'the disk is full; make room',
  ENOTDIR: 'a part of the path is a file; name another folder with --dir',
  EEXIST: 'a part of the path is a file; name another folder with --dir',
  EISDIR: 'a folder is where a file should be; move it away',
  ENAMETOOLONG: 'the name is too long for the file system; choose a shorter one',
}

interface Failure {
  readonly reason: string
  readonly exitCode: ExitCode
}

export function explainFailure(error: unknown): Failure | undefined {
  if (error instanceof CertificateError) {
    return { reason: error.message, exitCode: EXIT_CODES[error.kind] }
  }
  const { code = '', path } = error as NodeJS.ErrnoException
  const why = FILE_FAILURES[code]
  if (path === undefined || why === undefined) return undefined
  return { reason: `${path}: ${code}: ${why}`, exitCode: exitCodes.config }
}
