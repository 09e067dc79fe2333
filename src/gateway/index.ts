// Composition: the whole gateway from its options.
export {
  startGateway,
  type Gateway,
  type GatewayDependencies,
} from './gateway.ts'
export type { GatewayListenerOptions, GatewayOptions } from './options.ts'
export { probeEndpoints } from './probe.ts'
