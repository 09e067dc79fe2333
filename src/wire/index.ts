// The MCP wire format as pure functions: no sockets, no clocks, no config.
export type { Era, Inbound, JsonObject, RpcId } from './inbound.ts'
