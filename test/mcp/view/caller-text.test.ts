import { expect, it } from 'vitest'
import { lastingCaller, textOfCaller } from '../../../src/mcp/view/caller-text.ts'

const CALLER = { key: 'k', clientInfo: undefined, capabilities: { roots: {} } }

it('the text of a lasting caller is that of any other that is the same', () => {
  const lasting = lastingCaller(CALLER)
  expect(lasting).toEqual(CALLER)
  expect(textOfCaller(lasting)).toBe(textOfCaller(CALLER))
  expect(textOfCaller(lasting)).not.toBe(textOfCaller({ ...CALLER, key: 'l' }))
})

it('a changed copy of a lasting caller has a text of its own', () => {
  const lasting = lastingCaller(CALLER)
  const changed = { ...lasting, capabilities: {} }
  expect(textOfCaller(changed)).toBe(textOfCaller({ ...CALLER, capabilities: {} }))
  expect(textOfCaller(changed)).not.toBe(textOfCaller(lasting))
})
