// The public API: run a gateway from a configuration inside another program. Every export is a promise to its users.
export { loadConfig, type ConfigFault, type LoadedConfig } from './config/index.ts'
export { errorTable, GatewayError, type ErrorCode, type ErrorRow } from './core/index.ts'
export { startGateway, type Gateway, type GatewayOptions } from './gateway/index.ts'
