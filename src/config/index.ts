// Configuration: one typed YAML file and its variables in, GatewayOptions or every fault out.
export { describeConfig, type DescribedKey } from './describe.ts'
export { type Fault as ConfigFault, formatFault, formatPlace, formatWarning } from './fault.ts'
export { configJsonSchema } from './json-schema.ts'
export { loadConfig, type LoadedConfig } from './load.ts'
export { showConfig } from './show.ts'
