// Starts the plain Node proxy.
import { join } from 'node:path'
import type { TargetContext, TargetPorts, TargetRecipe } from './target.ts'

export function nodeProxyRecipe(
  { children, certificate, backend }: TargetContext,
  ports: TargetPorts,
): TargetRecipe {
  const entry = join(import.meta.dirname, '../process/node-proxy.ts')
  const { certFile, keyFile } = certificate
  const origin = `http://127.0.0.1:${backend.http}`
  const listens = [ports.http, ports.https, ports.http2].map(String)
  return {
    name: 'node-proxy',
    ports,
    spawn: () =>
      children.start({
        role: 'target',
        command: process.execPath,
        args: [entry, origin, certFile, keyFile, ...listens],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    pids: (child) => [child.pid as number],
    tidy: () => {},
    // Its errors come out where those of the bench do.
    lastWords: () => '',
  }
}
