// Stage 1: sockets in, exchanges out.
export {
  createListener,
  type Listener,
} from './listener.ts'
export type { SocketLimits } from './options.ts'
export { createPassthroughListener } from './passthrough/listener.ts'
export { OwnConnections } from './passthrough/own-connections.ts'
export { createRedirect } from './redirect/redirect.ts'
export { PLAIN_SECURITY_HEADERS } from './security-headers.ts'
