// What the commands that make certificates take from the environment.
import type { Environment } from './expand.ts'
import type { Fault } from './fault.ts'

const MOST_DAYS = 36_500

export interface CertsEnvironment {
  /** MCP_CERT_DAYS. */
  readonly days: number | undefined
  /** MCP_PLUGIN_CONFIG. */
  readonly pluginConfig: string | undefined
}

/** As a shell does, an empty variable counts as none. */
export function readCertsEnvironment(env: Environment = process.env): CertsEnvironment | Fault {
  const { MCP_CERT_DAYS: days = '', MCP_PLUGIN_CONFIG: file = '' } = env
  if (days !== '' && !isDays(days)) {
    return {
      place: { kind: 'variable', variable: 'MCP_CERT_DAYS' },
      path: '',
      expected: `whole days from 1 to ${MOST_DAYS}`,
      got: JSON.stringify(days),
      mend: 'write a number like 825, or unset it',
    }
  }
  return {
    days: days === '' ? undefined : Number(days),
    pluginConfig: file === '' ? undefined : file,
  }
}

function isDays(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_DAYS
}

/** For a password that a flag says is in a variable. Undefined: it is not set. */
export function readVariable(name: string, env: Environment = process.env): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined
}
