// What a legacy session hears of changes: one subscription to the view for all of it, opened when somebody reads or a
// resource is subscribed to, opened anew when the need changes, and again after a loss.
import { GatewayError, type Clock, type Timer } from '../../../core/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import { changesOf, unionOf } from '../../translate/listen-filter.ts'
import type {
  ListenFilter,
  RpcError,
  RpcNotification,
  ServerView,
  ViewOrigin,
} from '../../view/server-view.ts'
import { Listening, type ListeningOwner } from './listening.ts'

/** Resources that one session may be subscribed to. */
export const MAX_SUBSCRIBED_URIS = 1_000
/** How long the view is listened to after the session's event stream was closed: its client is usually back soon. */
export const LINGER_MS = 60_000
/** How long the old subscription stays beside the new one, for changes that are still on their way on it. */
export const OVERLAP_MS = 250
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

export type SubscribeError = GatewayError | RpcError

export interface SubscriptionContext {
  readonly clock: Clock
  /** The list changes that the server announces. */
  readonly offered: ListenFilter
  /** True when it also does so for single resources. */
  readonly offersResources: boolean
  /** Whom to listen to, and as whom: those of the session's latest request. */
  readonly source: () => { readonly view: ServerView; readonly origin: ViewOrigin }
  readonly deliver: (change: RpcNotification) => void
}

/** Told when a subscription is in force, or will not be. */
export type OnSubscribed = (error: SubscribeError | undefined) => void

export class SessionSubscription implements ListeningOwner {
  readonly #context: SubscriptionContext
  readonly #uris = new Set<string>()
  readonly #waiting = new Map<string, OnSubscribed[]>()
  readonly #leaving = new Map<Listening, Timer>()
  #hasReader = false
  #current: Listening | undefined
  #opening: Listening | undefined
  #linger: Timer | undefined
  #retry: Timer | undefined
  #failures = 0
  /** Changes may have been missed since the last time there was a subscription. */
  #hasGap = false
  #isClosed = false

  constructor(context: SubscriptionContext) {
    this.#context = context
  }

  readerCame(): void {
    this.#linger?.cancel()
    this.#hasReader = true
    this.#refresh()
  }

  readerLeft(): void {
    this.#linger?.cancel()
    this.#linger = this.#context.clock.after(LINGER_MS, () => {
      this.#hasReader = false
      this.#refresh()
    })
  }

  subscribe(uri: string, onSubscribed: OnSubscribed): void {
    if (!this.#context.offersResources) {
      const message = 'the server has no subscriptions to resources'
      onSubscribed({ code: RPC_CODE.methodNotFound, message })
      return
    }
    if (!this.#uris.has(uri) && this.#uris.size >= MAX_SUBSCRIBED_URIS) {
      const message = `the session is subscribed to ${MAX_SUBSCRIBED_URIS} resources`
      onSubscribed(new GatewayError('GW_TOO_MANY_SUBSCRIPTIONS', message))
      return
    }
    this.#uris.add(uri)
    const waiting = this.#waiting.get(uri)
    if (waiting === undefined) this.#waiting.set(uri, [onSubscribed])
    else waiting.push(onSubscribed)
    this.#refresh()
  }

  unsubscribe(uri: string): void {
    this.#uris.delete(uri)
    this.#settle(uri, undefined)
    this.#refresh()
  }

  close(): void {
    this.#isClosed = true
    this.#linger?.cancel()
    this.#retry?.cancel()
    this.#current?.cancel()
    this.#opening?.cancel()
    for (const [listening, timer] of this.#leaving) {
      timer.cancel()
      listening.cancel()
    }
    this.#leaving.clear()
    this.#waiting.clear()
  }

  onAcknowledged(listening: Listening, honoured: ListenFilter): void {
    if (listening !== this.#opening) return
    if (this.#current !== undefined) this.#retire(this.#current)
    this.#current = listening
    this.#opening = undefined
    this.#failures = 0
    if (this.#hasGap) for (const change of changesOf(honoured)) this.#context.deliver(change)
    this.#hasGap = false
    this.#settleAll(listening.filter, honoured)
    this.#refresh()
  }

  onChange(change: RpcNotification): void {
    this.#context.deliver(change)
  }

  onLost(listening: Listening, error: SubscribeError | undefined): void {
    if (listening === this.#opening) {
      this.#opening = undefined
      this.#refuseWaiting(listening.filter, error)
      // A server without subscriptions will not have them later either; anything else may pass.
      if (error === undefined || !isMethodNotFound(error)) this.#retryLater()
      return
    }
    if (listening !== this.#current) return
    this.#current = undefined
    this.#hasGap = true
    this.#retryLater()
  }

  #filter(): ListenFilter {
    const isNeeded = this.#hasReader || this.#uris.size > 0
    if (!isNeeded) return {}
    return unionOf([this.#context.offered, { resourceSubscriptions: [...this.#uris] }])
  }

  #refresh(): void {
    if (this.#isClosed || this.#opening !== undefined) return
    const filter = this.#filter()
    const wanted = JSON.stringify(filter)
    if (this.#current !== undefined && JSON.stringify(this.#current.filter) === wanted) {
      this.#settleAll(filter, filter)
      return
    }
    this.#retry?.cancel()
    if (wanted === '{}') {
      this.#current?.cancel()
      if (this.#current !== undefined) this.#hasGap = true
      this.#current = undefined
      return
    }
    const listening = new Listening(filter, this)
    this.#opening = listening
    const { view, origin } = this.#context.source()
    listening.go(view, origin)
  }

  #retire(listening: Listening): void {
    const timer = this.#context.clock.after(OVERLAP_MS, () => {
      this.#leaving.delete(listening)
      listening.cancel()
    })
    this.#leaving.set(listening, timer)
  }

  #retryLater(): void {
    if (this.#isClosed) return
    this.#failures++
    const longest = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1))
    // Spread, or all sessions would come back to a restarted server at once (MCP 2026-07-28 caching: jitter and backoff).
    const delayMs = longest * (0.5 + Math.random() / 2)
    this.#retry?.cancel()
    this.#retry = this.#context.clock.after(delayMs, () => this.#refresh())
  }

  /** Those that wait for a part of this filter. */
  #settleAll(filter: ListenFilter, honoured: ListenFilter): void {
    const given = new Set(honoured.resourceSubscriptions)
    for (const uri of filter.resourceSubscriptions ?? []) {
      if (!this.#waiting.has(uri)) continue
      if (given.has(uri)) this.#settle(uri, undefined)
      else this.#refuse(uri, { code: RPC_CODE.invalidParams, message: NOT_HONOURED })
    }
  }

  #refuseWaiting(filter: ListenFilter, error: SubscribeError | undefined): void {
    const reason = error ?? {
      code: RPC_CODE.internal,
      message: 'the server ended the subscription',
    }
    for (const uri of filter.resourceSubscriptions ?? []) {
      if (this.#waiting.has(uri)) this.#refuse(uri, reason)
    }
  }

  #refuse(uri: string, error: SubscribeError): void {
    this.#uris.delete(uri)
    this.#settle(uri, error)
  }

  #settle(uri: string, error: SubscribeError | undefined): void {
    const waiting = this.#waiting.get(uri) ?? []
    this.#waiting.delete(uri)
    for (const onSubscribed of waiting) onSubscribed(error)
  }
}

function isMethodNotFound(error: SubscribeError): boolean {
  return error.code === RPC_CODE.methodNotFound
}

const NOT_HONOURED = 'the server does not take subscriptions to this resource'
