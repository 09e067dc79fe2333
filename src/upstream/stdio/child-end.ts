// How a child's end is told to those who wait for its answers: what happened, and what mends it.
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { GatewayError, isNodeError } from '../../core/index.ts'
import type { ChildEnd } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'

/** The error for calls that were under way when the child ended. */
export function endFailure(options: StdioEndpointOptions, end: ChildEnd): GatewayError {
  if (end.kind === 'not-started') return startFailure(options, end.error)
  return new GatewayError('GW_CHILD_FAILED', `${subject(options)} ${howItEnded(options, end)}`)
}

/** The error for a command that could not be started. Names the command, never its arguments or variables. */
export function startFailure(options: StdioEndpointOptions, cause: Error): GatewayError {
  return new GatewayError(
    'GW_CHILD_FAILED',
    `${subject(options)} could not be started: ${mend(options, cause)}`,
    { cause },
  )
}

/** The error for calls that were under way when their child had lived its time. */
export function tooOld({ maxLifetimeMs }: StdioEndpointOptions): GatewayError {
  return new GatewayError(
    'GW_CHILD_FAILED',
    `the stdio server was replaced after ${maxLifetimeMs} ms (max_lifetime) with the call under way`,
  )
}

function subject({ command }: StdioEndpointOptions): string {
  return `the stdio server "${basename(command)}"`
}

function mend({ command, cwd }: StdioEndpointOptions, error: Error): string {
  if (cwd !== undefined && !isDirectory(cwd))
    return 'its cwd is not a folder; correct endpoints[].cwd'
  if (isNodeError(error, 'ENOENT')) {
    return command.includes('/')
      ? 'there is no such file; correct endpoints[].command'
      : 'it is not in PATH; install it or give its full path in endpoints[].command'
  }
  if (isNodeError(error, 'EACCES')) return 'it is not executable; check the mode of the file'
  const { code } = error as NodeJS.ErrnoException
  return `the system refused (${code ?? error.name}); see the log`
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    // Whatever the reason, it cannot be entered: that is what is asked.
    return false
  }
}

function howItEnded(
  { maxMessageBytes }: StdioEndpointOptions,
  end: Extract<ChildEnd, { kind: 'exited' }>,
): string {
  if (end.fault === 'line-too-long') {
    return `wrote a message of more than ${maxMessageBytes} bytes (max_message_bytes) and was ended`
  }
  if (end.fault !== undefined) return `closed its ${end.fault.split('-')[0]} and was ended`
  if (end.signal !== undefined) return `was ended by ${end.signal}`
  return `ended with exit code ${end.exitCode ?? 'unknown'}`
}
