// `sallyport check`: says whether the configuration is valid, and with --connect whether every endpoint is there.
import type { ErrorCode, GatewayError } from '../core/index.ts'
import type { GatewayOptions } from '../gateway/index.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { print, reportFailure } from './output.ts'
import type { CheckFlags } from './program.ts'
import { readConfig } from './read-config.ts'

const DENIED: ReadonlySet<ErrorCode> = new Set(['GW_UPSTREAM_TLS', 'GW_UPSTREAM_AUTH'])

export async function check({ config, connect, verbose }: CheckFlags): Promise<ExitCode> {
  const loaded = readConfig(config)
  if (loaded === undefined) return exitCodes.config
  print(`${config}: valid`)
  return connect === true ? connectAll(loaded.options, verbose ?? false) : exitCodes.clean
}

async function connectAll(options: GatewayOptions, verbose: boolean): Promise<ExitCode> {
  // Only here: without --connect, nobody should wait for the gateway's parts to be loaded.
  const { probeEndpoints } = await import('../gateway/index.ts')
  const looks = await probeEndpoints(options)
  for (const { owner, endpoint, error } of looks) {
    const name = `${owner}: ${endpoint}`
    if (error === undefined) print(`${name}: reachable`)
    else reportFailure(`${name}: ${explain(error)}`, error.cause, verbose)
  }
  return toExitCode(looks.flatMap(({ error }) => error ?? []))
}

const MENDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  GW_UPSTREAM_UNREACHABLE: 'start the server, or correct its address',
  GW_UPSTREAM_TLS: 'let the server have a certificate that Node trusts for this name',
  GW_CHILD_FAILED: 'run the command by hand to see what it says',
}

function explain({ message, code, row }: GatewayError): string {
  return `${message} (${code}); ${MENDS[code] ?? row.meaning}`
}

function toExitCode(errors: readonly GatewayError[]): ExitCode {
  if (errors.length === 0) return exitCodes.clean
  return errors.every(({ code }) => DENIED.has(code)) ? exitCodes.denied : exitCodes.unreachable
}
