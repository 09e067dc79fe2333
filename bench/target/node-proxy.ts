// Starts the plain Node proxy.
import { join } from 'node:path'
import type { NodeProxyListen } from '../node-proxy.ts'
import type { AnyPorts, TargetContext, TargetPorts, TargetRecipe } from './target.ts'

export function nodeProxyRecipe<P extends AnyPorts>(
  { children, backend }: Pick<TargetContext, 'children' | 'backend'>,
  ports: P,
  listens: readonly NodeProxyListen[],
): TargetRecipe<P> {
  const entry = join(import.meta.dirname, '../process/node-proxy.ts')
  const origin = `http://127.0.0.1:${backend.http}`
  return {
    name: 'node-proxy',
    ports,
    spawn: () =>
      children.start({
        role: 'target',
        command: process.execPath,
        args: [entry, origin, JSON.stringify(listens)],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    pids: (child) => [child.pid as number],
    tidy: () => {},
    // Its errors come out where those of the bench do.
    lastWords: () => '',
  }
}

/** In the clear, over TLS with HTTP/1.1, and over TLS with HTTP/2. */
export function nodeProxyListens(
  ports: TargetPorts,
  certificate: TargetContext['certificate'],
): readonly NodeProxyListen[] {
  return [
    { protocol: 'http', port: ports.http },
    { protocol: 'https', port: ports.https, certificate },
    { protocol: 'http2', port: ports.http2, certificate },
  ]
}
