// A command as an endpoint: Streamable HTTP semantics over the stdin and stdout of child processes.
export { createStdioUpstream } from './stdio-upstream.ts'
