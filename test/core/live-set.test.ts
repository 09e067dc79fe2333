import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LiveSet, type LiveMember } from '../../src/core/index.ts'

it('holds what a Set would hold, whatever is added and deleted', () => {
  const step = fc.record({ isAdd: fc.boolean(), at: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const members: LiveMember[] = Array.from({ length: 10 }, () => ({ place: -1 }))
      const live = new LiveSet<LiveMember>()
      const set = new Set<LiveMember>()
      for (const { isAdd, at } of steps) {
        const member = members[at] as LiveMember
        if (isAdd && !set.has(member)) {
          live.add(member)
          set.add(member)
        } else if (!isAdd) {
          live.delete(member)
          set.delete(member)
        }
        expect(live.size).toBe(set.size)
        expect(new Set(live.snapshot())).toEqual(set)
      }
    }),
  )
})

it('visits those that leave during the visit', () => {
  const live = new LiveSet<LiveMember>()
  const members = [{ place: -1 }, { place: -1 }, { place: -1 }]
  for (const member of members) live.add(member)
  let visited = 0
  for (const member of live.snapshot()) {
    live.delete(member)
    visited++
  }
  expect(visited).toBe(3)
  expect(live.size).toBe(0)
})
