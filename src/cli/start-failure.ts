// Why the gateway could not start, as one line with the mend, for the causes that lie in the configuration or the machine.
import { GatewayError } from '../core/index.ts'
import type { GatewayOptions } from '../gateway/index.ts'

interface SystemError extends NodeJS.ErrnoException {
  readonly address?: string
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

/** Undefined when the failure is none of these. */
export function explainStartFailure(error: unknown, options: GatewayOptions): string | undefined {
  if (error instanceof GatewayError) return `${error.message} (${error.code}); ${error.row.meaning}`
  if (!(error instanceof Error)) return undefined
  const { code = '', syscall, path, port, address } = error as SystemError
  const isFile = path !== undefined && port === undefined
  const reason = (isFile ? FILE_FAILURES : LISTEN_FAILURES)[code]
  if (reason === undefined) return undefined
  if (isFile) return `state_dir: ${code} at ${path}: ${reason}`
  const isListen = syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo'
  return isListen ? `${keyOf(address, port, options)}: ${code}: ${reason}` : undefined
}

/** The config key of the address, with what it says. */
function keyOf(
  address: string | undefined,
  port: number | undefined,
  { listeners, admin }: GatewayOptions,
): string {
  const isIt = (bound: { readonly host: string; readonly port: number }): boolean =>
    bound.port === port && (bound.host === address || bound.host === '' || address === undefined)
  const index = listeners.findIndex(isIt)
  const found = listeners[index]
  if (found !== undefined) return `listeners[${index}].listen: ${found.name}`
  if (admin !== undefined && isIt(admin)) return `admin.listen: ${admin.name}`
  return `cannot listen on ${address ?? 'an address'}${port === undefined ? '' : `:${port}`}`
}
