// Loads the configuration for a command and tells its faults and warnings, one line each.
import { formatFault, formatWarning, type LoadedConfig, loadConfig } from '../config/index.ts'
import { complain } from './output.ts'

type ValidConfig = Extract<LoadedConfig, { readonly ok: true }>

/** Undefined when there are faults: they have been told. */
export function readConfig(file: string): ValidConfig | undefined {
  const loaded = loadConfig({ file })
  if (loaded.ok) {
    for (const warning of loaded.warnings) complain(`warning: ${formatWarning(warning)}`)
    return loaded
  }
  for (const fault of loaded.faults) complain(formatFault(fault))
  const { length } = loaded.faults
  complain(`sallyport: ${file} has ${length === 1 ? 'a fault' : `${length} faults`}`)
  return undefined
}
