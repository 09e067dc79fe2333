// Configuration: one typed YAML file and its variables in, GatewayOptions or every fault out.
export { configJsonSchema } from './json-schema.ts'
export { describeConfig, type DescribedKey } from './describe.ts'
export {
  type Fault as ConfigFault,
  formatFault,
  formatPlace,
  formatWarning,
  type Place,
  type Warning as ConfigWarning,
} from './fault.ts'
export { loadConfig, type LoadedConfig, type LoadRequest } from './load.ts'
export { showConfig } from './show.ts'
export type { EffectiveDocument } from './to-options.ts'
