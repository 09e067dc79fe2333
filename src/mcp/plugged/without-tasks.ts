// Capabilities without the extension for tasks, of clients and, in the answer to `server/discover`, of servers.
import type { GatewayError } from '../../core/index.ts'
import { isObject, type JsonObject } from '../../wire/index.ts'
import { TASKS_EXTENSION } from '../translate/tasks.ts'
import type { RpcError, RpcNotification, ViewSink } from '../view/server-view.ts'

/** The very object if there is nothing to leave out. */
export function withoutTasks(capabilities: JsonObject): JsonObject {
  const { extensions } = capabilities
  if (!isObject(extensions) || !Object.hasOwn(extensions, TASKS_EXTENSION)) return capabilities
  const { [TASKS_EXTENSION]: _, ...others } = extensions
  return { ...capabilities, extensions: others }
}

/** Hears the answer to `server/discover`. */
export class DiscoverSink implements ViewSink {
  readonly #sink: ViewSink

  constructor(sink: ViewSink) {
    this.#sink = sink
  }

  onNotification(notification: RpcNotification): void {
    this.#sink.onNotification(notification)
  }

  onResult(result: JsonObject): void {
    const { capabilities } = result
    const kept = isObject(capabilities) ? withoutTasks(capabilities) : capabilities
    this.#sink.onResult(kept === capabilities ? result : { ...result, capabilities: kept })
  }

  onError(error: RpcError): void {
    this.#sink.onError(error)
  }

  onFailure(error: GatewayError): void {
    this.#sink.onFailure(error)
  }
}
