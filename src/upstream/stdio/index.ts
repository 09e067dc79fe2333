// A command as an endpoint: Streamable HTTP semantics over the stdin and stdout of child processes.
export { createStdioUpstream, type StdioContext } from './stdio-upstream.ts'
