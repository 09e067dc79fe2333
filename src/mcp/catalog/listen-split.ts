// A client's subscription, divided between the servers that it concerns.
import type { ListenFilter } from '../view/server-view.ts'
import type { ServerShare } from './listen-merge.ts'
import type { UriLookup } from './merged-uris.ts'
import { heldTask } from './task-ids.ts'

/** A URI of the client's filter, and where it leads. */
export interface SubscribedUri {
  readonly uri: string
  readonly found: UriLookup
}

/** What leads nowhere is in no share, and so not in the acknowledgement either. */
export function splitFilter(
  filter: ListenFilter,
  servers: readonly string[],
  uris: readonly SubscribedUri[],
): Omit<ServerShare, 'words'>[] {
  const { resourceSubscriptions: _, taskIds, ...lists } = filter
  const tasks = (taskIds ?? []).map(heldTask)
  const shares = servers.map((name, server) => {
    const clientUris = new Map<string, string>()
    for (const { uri, found } of uris) {
      if ('server' in found && found.server === server) clientUris.set(found.uri, uri)
    }
    const own = tasks.filter((it) => it?.server === name).map((it) => it?.taskId ?? '')
    return {
      server,
      clientUris,
      filter: {
        ...lists,
        ...(clientUris.size > 0 && { resourceSubscriptions: [...clientUris.keys()] }),
        ...(own.length > 0 && { taskIds: own }),
      },
    }
  })
  return shares.filter((it) => Object.values(it.filter).some((wanted) => wanted !== false))
}
