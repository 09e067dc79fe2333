// Why the gateway could not start, as one line with the mend, for the causes that lie in the configuration or the machine.
import type { GatewayOptions } from '../gateway/index.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

interface SystemError extends NodeJS.ErrnoException {
  readonly address?: string
  readonly hostname?: string
  readonly port?: number
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken; stop the program that has it, or choose another port',
  EACCES: 'not permitted; choose a port from 1024 up, or grant the capability to bind low ports',
  EADDRNOTAVAIL: 'not an address of this machine; correct the host',
  EAFNOSUPPORT: 'this machine has no such address family; correct the host',
  ENOTFOUND: 'the host name does not resolve; correct it',
  EAI_AGAIN: 'the host name could not be resolved; use an address',
}

const FILE_FAILURES: Readonly<Record<string, string>> = {
  EACCES: 'not permitted; give the folder to the user of the gateway, or set state_dir to another',
  EPERM: 'not permitted; give the folder to the user of the gateway, or set state_dir to another',
  EROFS: 'the file system is read-only; set state_dir to a folder that can be written',
  ENOSPC: 'the disk is full; make room, or set state_dir to another folder',
  ENOTDIR: 'a part of the path is a file; set state_dir to another folder',
  EEXIST: 'a part of the path is a file; set state_dir to another folder',
}

export interface StartFailure {
  readonly reason: string
  readonly exitCode: ExitCode
}

/** Undefined when the failure is none of these. */
export function explainStartFailure(
  error: unknown,
  options: GatewayOptions,
): StartFailure | undefined {
  if (!(error instanceof Error)) return undefined
  const { code = '', path, port, message }: SystemError = error
  // A certificate or key that was good when the configuration was checked; its message names the file and the mend.
  if (code === 'TLS_MATERIAL') return { reason: message, exitCode: exitCodes.denied }
  if (code === 'AUDIT_FILE') return { reason: `audit.file: ${message}`, exitCode: exitCodes.config }
  if (code === 'SESSION_KEY') return { reason: `state_dir: ${message}`, exitCode: exitCodes.config }
  const isFile = path !== undefined && port === undefined
  const why = (isFile ? FILE_FAILURES : LISTEN_FAILURES)[code]
  if (why === undefined) return undefined
  const what = isFile ? `state_dir: ${path}` : keyOf(error, options)
  return { reason: `${what}: ${code}: ${why}`, exitCode: exitCodes.config }
}

/** The config key of the address, with what it says. A name in the config is an address in the error, so the port counts most. */
function keyOf({ address, hostname, port }: SystemError, options: GatewayOptions): string {
  const { listeners, admin } = options
  const all = [
    ...listeners.flatMap(({ redirect, ...each }, index) => [
      { ...each, key: `listeners[${index}].listen` },
      ...(redirect === undefined
        ? []
        : [{ ...redirect, key: `listeners[${index}].redirect_from` }]),
    ]),
    ...(admin === undefined ? [] : [{ ...admin, key: 'admin.listen' }]),
  ]
  const host = address ?? hostname
  const found =
    all.find((each) => each.host === host && (port === undefined || each.port === port)) ??
    all.find((each) => each.port === port)
  return found === undefined ? (host ?? 'an address') : `${found.key}: ${found.name}`
}
