// What cannot work, cell by cell, with the reason. A cell that is listed here and works fails the test.
import type { ClientKind } from './client.ts'
import type { Feature } from './features.ts'
import type { ServerKind } from './servers.ts'

/** Why the feature is not there for the pair; undefined when it has to work. */
export function gapOf(
  client: ClientKind,
  server: ServerKind,
  { key }: Pick<Feature, 'key'>,
): string | undefined {
  if (key === 'resume') return resumeGap(client, server)
  const { words } = server
  if (key === 'subscribe' && words.watched === undefined) return 'no such resource'
  if (key === 'log' && words.log === undefined) return 'no such tool'
  if ((key === 'unicode' || key === 'unsafe') && words.odd === undefined) return 'no such tool'
  if (server.holdsSessions) return undefined
  if (key === 'elicit' || key === 'sample' || key === 'roots')
    return 'without a session a server of this era cannot ask'
  if (key === 'subscribe') return 'without a session there is nobody to tell'
  // A client of the modern era closes its stream, and the gateway its own, which such a server notices.
  if (key === 'cancel' && client.era === 'legacy')
    return 'without a session a cancellation has nothing to refer to'
  if (key === 'log' && client.era === 'legacy') return 'without a session a log level is not kept'
  return undefined
}

function resumeGap(client: ClientKind, server: ServerKind): string | undefined {
  if (client.era === 'modern') return 'the modern era has none: a lost stream is a lost request'
  if (client.transport !== 'Streamable HTTP') return 'the transport has none'
  if (client.title.startsWith('batches')) return 'the client does not come back'
  if (!server.holdsSessions) return 'without a session there is nothing to resume'
  return undefined
}
