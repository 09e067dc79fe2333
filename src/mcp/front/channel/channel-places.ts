// How many channels may be open: in all, and for one caller, so that nobody takes the places of all others.
import { GatewayError } from '../../../core/index.ts'
import type { ChannelLimits } from './options.ts'

const RETRY_AFTER_SECONDS = 1

export class ChannelPlaces {
  readonly #limits: Pick<ChannelLimits, 'maxOpen' | 'maxOpenPerCaller'>
  /** No more callers than there are places. */
  readonly #openOf = new Map<string, number>()
  #open = 0

  constructor(limits: Pick<ChannelLimits, 'maxOpen' | 'maxOpenPerCaller'>) {
    this.#limits = limits
  }

  /** @throws GatewayError GW_TOO_MANY_CHANNELS */
  checkRoom(callerKey: string): void {
    const { maxOpen, maxOpenPerCaller } = this.#limits
    if ((this.#openOf.get(callerKey) ?? 0) >= maxOpenPerCaller) {
      throw tooMany(`the caller has ${maxOpenPerCaller} channels open`, {
        limit: 'limits.channels.max_open_per_caller',
        mend: 'close another channel, or have the limit for one caller raised',
      })
    }
    if (this.#open >= maxOpen) {
      throw tooMany(`${maxOpen} channels are open`, {
        limit: 'limits.channels.max_open',
        mend: 'try again later, or have the limit raised',
      })
    }
  }

  take(callerKey: string): void {
    this.#open++
    this.#openOf.set(callerKey, (this.#openOf.get(callerKey) ?? 0) + 1)
  }

  leave(callerKey: string): void {
    this.#open--
    const left = (this.#openOf.get(callerKey) ?? 1) - 1
    if (left === 0) this.#openOf.delete(callerKey)
    else this.#openOf.set(callerKey, left)
  }
}

/** Which of the two limits it is, and what to do about it, tells the client `data`: the message is for the log alone. */
function tooMany(problem: string, data: Readonly<Record<'limit' | 'mend', string>>): GatewayError {
  const message = `${problem}, as many as ${data.limit} allows`
  const retryAfterSeconds = RETRY_AFTER_SECONDS
  return new GatewayError('GW_TOO_MANY_CHANNELS', message, { data, retryAfterSeconds })
}
