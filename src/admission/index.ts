// Who may come in.
export { HostOriginCheck, isLoopback, type HostOriginContext } from './host-origin.ts'
