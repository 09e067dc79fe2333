// The servers behind the merged routes: those of the matrix, and one more of the legacy era that has all names of a
// modern one; and a client that speaks of one of them as if it had no others beside it.
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import { httpEndpoint } from '../../support/gateway.ts'
import type { CallOptions, MatrixClient } from '../matrix/client.ts'
import { SERVERS, type ServerKind } from '../matrix/servers.ts'

const words = (SERVERS[0] as ServerKind).words

/** In the order in which the routes list them: the first that has a URI keeps it. */
export const MEMBERS: readonly ServerKind[] = [
  ...SERVERS,
  {
    key: 'sdk2-legacy',
    title: 'SDK 2, legacy only',
    eras: ['legacy'],
    transport: 'Streamable HTTP',
    holdsSessions: true,
    words,
    start: async () => {
      const server = await startEverythingServer({ eras: 'legacy', oddNames: true })
      return { endpoint: httpEndpoint(server.url), close: () => server.close() }
    },
  },
]

/** The URI by which a merged route offers a member's resource: the first that has it keeps it. */
export const exposed = (member: ServerKind, uri: string): string =>
  member === MEMBERS.find(({ words }) => words.watched.uri === uri)
    ? uri
    : `sallyport://${member.key}/${uri}`

/** A client of a merged route, seen as one of the member alone. */
export function clientOf(client: MatrixClient, member: ServerKind): MatrixClient {
  const prefix = `${member.key}_`
  return {
    listTools: async () =>
      (await client.listTools())
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)),
    call: (name: string, args?: Record<string, unknown>, options?: CallOptions) =>
      client.call(prefix + name, args, options),
    readResource: (uri) => client.readResource(exposed(member, uri)),
    complete: (prompt, argument, value) => client.complete(prefix + prompt, argument, value),
    hearLogs: (level, onLog) => client.hearLogs(level, onLog),
    subscribe: (uri, onUpdated) =>
      client.subscribe(exposed(member, uri), (changed) => {
        onUpdated(changed === exposed(member, uri) ? uri : changed)
      }),
    breakNextStream: () => client.breakNextStream(),
    close: () => client.close(),
  }
}
