// What a server offers to a legacy session, read from its capabilities.
import { isObject, type JsonObject } from '../../../wire/index.ts'
import type { ListenFilter } from '../../view/server-view.ts'

export interface ServerOffers {
  readonly logging: boolean
  /** Changes of lists that it announces. */
  readonly lists: ListenFilter
  readonly resourceSubscriptions: boolean
}

export function offersOf(capabilities: JsonObject): ServerOffers {
  const has = (feature: string, option: string): boolean => {
    const declared = capabilities[feature]
    return isObject(declared) && declared[option] === true
  }
  return {
    logging: isObject(capabilities['logging']),
    lists: {
      toolsListChanged: has('tools', 'listChanged'),
      promptsListChanged: has('prompts', 'listChanged'),
      resourcesListChanged: has('resources', 'listChanged'),
    },
    resourceSubscriptions: has('resources', 'subscribe'),
  }
}
