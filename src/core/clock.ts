// The only place that reads time. Parts get a Clock, so that tests can turn it by hand.

/** A running timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall-clock time in milliseconds since the epoch, for what people read. */
  nowMs(): number
  /** Milliseconds on a clock that never goes back, for measuring. */
  monotonicMs(): number
  /** Calls `onTime` once after `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, onTime: () => void): Timer
  /** Calls `onTime` every `periodMs` until cancelled. Does not keep the process alive. */
  every(periodMs: number, onTime: () => void): Timer
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, onTime) {
    const timer = setTimeout(onTime, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  },
  every(periodMs, onTime) {
    const timer = setInterval(onTime, periodMs).unref()
    return { cancel: () => clearInterval(timer) }
  },
}
