import { expect, it } from 'vitest'
import { stringifyResult } from '../../../src/mcp/catalog/index.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import { ask, itemsOf, merged, ScriptedView, tool } from './scripted-view.ts'

const MICROSECONDS_PER_MS = 1_000

it('gives a list of twenty servers that it has already in less than a millisecond of processor time', async () => {
  const tools = Array.from({ length: 20 }, (_, at) =>
    tool(`t${at}`, { description: 'd'.repeat(200) }),
  )
  const views = Array.from({ length: 20 }, (_, at) => new ScriptedView(`s${at}`, { tools }))
  const view = merged(views, { pageSize: 1_000 })
  const json = async () =>
    stringifyResult((await ask(view, 'tools/list').answer).result as JsonObject)
  expect(JSON.parse(await json())['tools']).toHaveLength(400)
  const costs: number[] = []
  for (let round = 0; round < 200; round++) {
    const before = process.cpuUsage()
    await json()
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / MICROSECONDS_PER_MS)
  }
  // Half of them: a garbage collection may fall into any one.
  expect(costs.toSorted((a, b) => a - b)[100]).toBeLessThan(1)
})

it('writes a result as JSON.stringify does', async () => {
  const odd = tool('ü"\n', { deep: { list: [1, null, { x: undefined }] } })
  const view = merged([new ScriptedView('a', { tools: [odd] }), new ScriptedView('b')])
  const { result } = await ask(view, 'tools/list').answer
  const whole = { ...result, left: undefined, last: [undefined] }
  expect(itemsOf(whole)).toHaveLength(1)
  for (let round = 0; round < 2; round++) {
    expect(stringifyResult(whole)).toBe(JSON.stringify(whole))
  }
})
