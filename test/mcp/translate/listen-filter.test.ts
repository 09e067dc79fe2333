import { describe, expect, it } from 'vitest'
import {
  changesOf,
  covers,
  intersectionOf,
  isSame,
  readFilter,
  unionOf,
  wants,
} from '../../../src/mcp/translate/listen-filter.ts'

const TOOLS = { method: 'notifications/tools/list_changed' }
const updated = (uri: unknown) => ({ method: 'notifications/resources/updated', params: { uri } })

describe('a filter', () => {
  it.each([
    [{ toolsListChanged: true }, TOOLS, true],
    [{ promptsListChanged: true }, TOOLS, false],
    [{ toolsListChanged: false }, TOOLS, false],
    [{ promptsListChanged: true }, { method: 'notifications/prompts/list_changed' }, true],
    [{ resourcesListChanged: true }, { method: 'notifications/resources/list_changed' }, true],
    [{ resourcesListChanged: true }, updated('a:b'), false],
    [{ resourceSubscriptions: ['a:b'] }, updated('a:b'), true],
    [{ resourceSubscriptions: ['a:b'] }, updated('a:b/c'), true],
    [{ resourceSubscriptions: ['a:b/'] }, updated('a:b/c'), true],
    [{ resourceSubscriptions: ['a:b'] }, updated('a:bc'), false],
    [{ resourceSubscriptions: ['a:b/c'] }, updated('a:b'), false],
    [{ resourceSubscriptions: ['a:b'] }, updated(7), false],
    [{ taskIds: ['t'] }, { method: 'notifications/tasks', params: { taskId: 't' } }, true],
    [{ taskIds: ['t'] }, { method: 'notifications/tasks', params: { taskId: 'u' } }, false],
    [{ taskIds: ['t'] }, { method: 'notifications/tasks' }, false],
    [{ toolsListChanged: true }, { method: 'notifications/message' }, false],
    [{ toolsListChanged: true }, { method: 'toString' }, false],
  ])('%j and the change %j: wanted is %s', (filter, change, expected) => {
    expect(wants(filter, change)).toBe(expected)
  })

  it('read off the wire has only what belongs there', () => {
    const uris = ['a:b', 7, null]
    const value = {
      toolsListChanged: true,
      promptsListChanged: 1,
      resourceSubscriptions: uris,
      x: 1,
    }
    expect(readFilter(value)).toEqual({ toolsListChanged: true, resourceSubscriptions: ['a:b'] })
    expect(readFilter('x')).toEqual({})
    expect(readFilter({ taskIds: 'x' })).toEqual({})
  })

  it('is told all that it may have missed', () => {
    const filter = { toolsListChanged: true, resourceSubscriptions: ['a:b'], taskIds: ['t'] }
    expect(changesOf(filter)).toEqual([TOOLS, updated('a:b')])
    expect(changesOf({})).toEqual([])
  })
})

describe('several filters', () => {
  const one = { toolsListChanged: true, resourceSubscriptions: ['b:', 'a:'] }
  const two = {
    toolsListChanged: false,
    promptsListChanged: true,
    resourceSubscriptions: ['a:', 'c:'],
  }

  it('become one that has all of them, the same in any order', () => {
    const union = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a:', 'b:', 'c:'],
    }
    expect(unionOf([one, two])).toEqual(union)
    expect(JSON.stringify(unionOf([one, two]))).toBe(JSON.stringify(unionOf([two, one])))
    expect(unionOf([])).toEqual({})
    expect(unionOf([{ taskIds: ['u'] }, { taskIds: ['t'] }])).toEqual({ taskIds: ['t', 'u'] })
  })

  it('share what is in both', () => {
    expect(intersectionOf(one, two)).toEqual({ resourceSubscriptions: ['a:'] })
    expect(intersectionOf(one, unionOf([one, two]))).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['b:', 'a:'],
    })
    expect(intersectionOf(one, {})).toEqual({})
  })

  it.each([
    [one, one, true],
    [unionOf([one, two]), two, true],
    [one, {}, true],
    [one, { toolsListChanged: false }, true],
    [one, { resourceSubscriptions: ['a:', 'b:'] }, true],
    [one, two, false],
    [{}, { promptsListChanged: true }, false],
    [one, { resourceSubscriptions: ['a:b'] }, false],
    [{ taskIds: ['t'] }, { taskIds: ['t', 'u'] }, false],
  ])('%j covers %j: %s', (given, asked, expected) => {
    expect(covers(given, asked)).toBe(expected)
  })

  it('are the same in any order', () => {
    expect(isSame(one, { resourceSubscriptions: ['a:', 'b:'], toolsListChanged: true })).toBe(true)
    expect(isSame(one, { toolsListChanged: true })).toBe(false)
  })
})
