// The members of something busy, such as the calls under way. A Set would do, but a long-lived Set that takes and gives
// back an entry per request makes V8 keep short-lived objects alive until a full collection, and rebuild its table
// again and again; an array in which every member knows its place does neither.

/** Something that can be a member of one LiveSet. `place` is the set's; -1 while it is in none. */
export interface LiveMember {
  place: number
}

export class LiveSet<T extends LiveMember> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    member.place = this.#members.push(member) - 1
  }

  /** Does nothing for what is not a member. */
  delete(member: T): void {
    const { place } = member
    if (this.#members[place] !== member) return
    const last = this.#members.pop()
    if (last !== undefined && last !== member) {
      this.#members[place] = last
      last.place = place
    }
    member.place = -1
  }

  /** The members of now: those that leave meanwhile are still visited. In no order. */
  snapshot(): readonly T[] {
    return [...this.#members]
  }
}
