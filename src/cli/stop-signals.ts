// SIGTERM and SIGINT while the gateway runs: the first asks to drain, the second to stop at once.
import { exitCodes } from './exit-codes.ts'

export type StopSignal = 'SIGTERM' | 'SIGINT'

export const forcedExitCodes = {
  SIGTERM: exitCodes.terminated,
  SIGINT: exitCodes.interrupted,
} as const

export class StopSignals {
  readonly first: Promise<StopSignal>
  readonly second: Promise<StopSignal>
  readonly #settlers: ((signal: StopSignal) => void)[]

  constructor() {
    const [first, second] = [
      Promise.withResolvers<StopSignal>(),
      Promise.withResolvers<StopSignal>(),
    ]
    this.first = first.promise
    this.second = second.promise
    this.#settlers = [first.resolve, second.resolve]
  }

  listen(): void {
    process.on('SIGTERM', this.#onSignal)
    process.on('SIGINT', this.#onSignal)
  }

  close(): void {
    process.off('SIGTERM', this.#onSignal)
    process.off('SIGINT', this.#onSignal)
  }

  /** As if the signal had come. */
  request(signal: StopSignal): void {
    const settle = this.#settlers.shift()
    // A third one does not wait for anybody.
    if (settle === undefined) process.exit(forcedExitCodes[signal])
    settle(signal)
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => this.request(signal as StopSignal)
}
