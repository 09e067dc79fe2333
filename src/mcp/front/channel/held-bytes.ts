// How much a channel holds of messages that are not whole yet, all of its answers together.

export class HeldBytes {
  readonly #max: number
  #held = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Replaces what one answer held by what it holds now. False: that is too much, and `now` does not count. */
  replace(before: number, now: number): boolean {
    this.#held -= before
    if (this.#held + now > this.#max) return false
    this.#held += now
    return true
  }
}
