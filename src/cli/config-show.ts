// `sallyport config show` and `sallyport config schema`.
import { configJsonSchema, showConfig } from '../config/index.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { print } from './output.ts'
import type { ConfigFlags } from './program.ts'
import { readConfig } from './read-config.ts'

export async function configShow({ config }: ConfigFlags): Promise<ExitCode> {
  const loaded = readConfig(config)
  if (loaded === undefined) return exitCodes.config
  print(showConfig(loaded.document))
  return exitCodes.clean
}

export async function configSchema(): Promise<ExitCode> {
  print(JSON.stringify(configJsonSchema(), undefined, 2))
  return exitCodes.clean
}
