// Composition: the whole gateway from its options.
export {
  startGateway,
  type Gateway,
  type GatewayDependencies,
} from './gateway.ts'
export { HEALTH_PATHS } from './health.ts'
export type { AdminOptions, GatewayListenerOptions, GatewayOptions } from './options.ts'
export { probeEndpoints, type EndpointLook } from './probe.ts'
