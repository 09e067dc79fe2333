// Everything about TLS that is not speaking HTTP over it: contexts from files.
export { describeReadFailure, readMaterial } from './material.ts'
export { loadServerContext, type ServerContext } from './server-context.ts'
