// Stage 1: sockets in, exchanges out.
export {
  createListener,
  type Listener,
  type ListenerAddress,
  type ListenerContext,
} from './listener.ts'
export type { ListenerOptions, ServerTlsOptions, SocketLimits } from './options.ts'
