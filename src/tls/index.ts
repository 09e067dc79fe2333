// Everything about TLS that is not speaking HTTP over it: contexts from files.
export { loadServerContext, type ServerContext } from './server-context.ts'
