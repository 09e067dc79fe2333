// Which server, which endpoint.
export type { ServerOptions } from './options.ts'
export { EndpointPool, type PoolMember } from './pool.ts'
export {
  createRouter,
  type EndpointStatus,
  type Pool,
  type RoutedSink,
  type Router,
} from './router.ts'
