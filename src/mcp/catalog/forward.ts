// One request handed to one server of a view, and its answer put into the view's words.
import type { GatewayError } from '../../core/index.ts'
import type { RpcError, RpcNotification, ViewSink } from '../view/server-view.ts'
import type { JsonObject } from '../../wire/index.ts'
import { mapNotification, type ResultWords } from './result-mapping.ts'

export class WordedSink implements ViewSink {
  readonly #sink: ViewSink
  readonly #words: ResultWords
  readonly #map: (result: JsonObject, words: ResultWords) => JsonObject

  constructor(
    sink: ViewSink,
    words: ResultWords,
    map: (result: JsonObject, words: ResultWords) => JsonObject,
  ) {
    this.#sink = sink
    this.#words = words
    this.#map = map
  }

  onNotification(notification: RpcNotification): void {
    this.#sink.onNotification(mapNotification(notification, this.#words))
  }

  onResult(result: JsonObject): void {
    this.#sink.onResult(this.#map(result, this.#words))
  }

  onError(error: RpcError): void {
    this.#sink.onError(error)
  }

  onFailure(error: GatewayError): void {
    this.#sink.onFailure(error)
  }
}
