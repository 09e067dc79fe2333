// Stage 1: sockets in, exchanges out.
export {
  createListener,
  type Listener,
} from './listener.ts'
export type { SocketLimits } from './options.ts'
