// Configuration: one typed YAML file and its variables in, GatewayOptions or every fault out.
export {
  type CertificateUses,
  type PairUse,
  readCertificateUses,
} from './certificate-uses.ts'
export { readCertsEnvironment, readVariable } from './certs-environment.ts'
export { describeConfig, type DescribedKey } from './describe.ts'
export { type Fault as ConfigFault, formatFault, formatPlace, formatWarning } from './fault.ts'
export { configJsonSchema } from './json-schema.ts'
export { loadConfig, type LoadedConfig } from './load.ts'
export { showConfig } from './show.ts'
export { DEFAULT_PLUGIN_FILE, readExternalPlugins } from './plugin-file.ts'
