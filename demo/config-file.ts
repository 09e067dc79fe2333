// The demo's configuration as a file that one can read, copy and serve.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { KeyPairFiles } from '../src/certs/index.ts'

export interface DemoConfig {
  readonly port: number
  readonly server: KeyPairFiles
  readonly replicaUrls: readonly string[]
  readonly stateDir: string
}

/** The text of the file. */
export function demoConfigText({ port, server, replicaUrls, stateDir }: DemoConfig): string {
  return `# Written by \`npm start\`, each time anew. To go on from here, copy it to another place and change the copy. Paths are
# absolute, so the copy can lie anywhere. The endpoints of "demo" are there while \`npm start\` runs.
listeners:
  - listen: "127.0.0.1:${port}"
    tls:
      cert_file: ${scalar(server.certFile)}
      key_file: ${scalar(server.keyFile)}
servers:
  # Replicas, reached over HTTP and used in turn.
  demo:
    endpoints:
${replicaUrls.map((url) => `      - url: ${scalar(url)}`).join('\n')}
  # A program that speaks MCP on its standard input and output, started when it is needed.
  everything:
    endpoints:
      - command: ${scalar(process.execPath)}
        args: [${scalar(everythingProgram())}, stdio]
    stdio: {stop_timeout: 1s}
routes:
  - {path: /demo, servers: [demo]}
  - {path: /everything, servers: [everything]}
state_dir: ${scalar(stateDir)}
drain_timeout: 2s
log: {level: warn}
`
}

/** A double-quoted scalar of YAML, which a JSON string is; "\${" would begin a variable in the configuration. */
function scalar(text: string): string {
  return JSON.stringify(text.replaceAll('${', () => '$${'))
}

/** The package has no `exports`, so its program is found beside its package.json. */
function everythingProgram(): string {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('@modelcontextprotocol/server-everything/package.json')
  return join(dirname(manifest), 'dist', 'index.js')
}
