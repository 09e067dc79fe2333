import { describe, expect, it } from 'vitest'
import { MISSING_SERVERS } from '../../../src/mcp/catalog/answers.ts'
import type { ServerView } from '../../../src/mcp/view/server-view.ts'
import { META, type JsonObject } from '../../../src/wire/index.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  ask,
  caller,
  itemsOf,
  listed,
  merged,
  prompt,
  ScriptedView,
  settle,
  tool,
  unreachable,
} from './scripted-view.ts'

const numbered = (count: number, name = 't') =>
  Array.from({ length: count }, (_, at) => tool(`${name}${at}`))

/** All pages of a list, in order. `onPage` runs between two. */
async function readAll(
  view: ServerView,
  method = 'tools/list',
  onPage = () => {},
): Promise<string[]> {
  const names: string[] = []
  let cursor: unknown
  do {
    const { result } = await ask(view, method, cursor === undefined ? {} : { cursor }).answer
    if (result === undefined) throw new Error('no page')
    names.push(...itemsOf(result).map((it) => it['name'] as string))
    cursor = result['nextCursor']
    onPage()
  } while (cursor !== undefined)
  return names
}

describe('a merged list', () => {
  it('has every server’s items in the order of the configuration, then in their own', async () => {
    const b = new ScriptedView('b', { tools: [tool('z'), tool('y')] })
    const a = new ScriptedView('a', { tools: [tool('x')] })
    expect(await listed(merged([b, a]), 'tools/list')).toEqual(['b_z', 'b_y', 'a_x'])
  })

  it('changes nothing of an item but its name', async () => {
    const odd = tool('x', { vendor: { deep: [1] }, annotations: { title: 'X' }, _meta: { k: 1 } })
    const view = merged([new ScriptedView('a', { tools: [odd] }), new ScriptedView('b')])
    const { result } = await ask(view, 'tools/list').answer
    expect(itemsOf(result as JsonObject)).toEqual([{ ...odd, name: 'a_x' }])
  })

  it('says what it is, who gives it, and for how long and whom it may be kept', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { prompts: [prompt('p')], ttlMs: 9_000, cacheScope: 'public' })
    const b = new ScriptedView('b', { prompts: [], ttlMs: 5_000, cacheScope: 'public' })
    const view = merged([a, b], { clock })
    await ask(view, 'prompts/list').answer
    clock.advance(1_000)
    const { result } = await ask(view, 'prompts/list').answer
    expect(result).toEqual({
      resultType: 'complete',
      prompts: [{ name: 'a_p' }],
      ttlMs: 4_000,
      cacheScope: 'public',
      _meta: { [META.serverInfo]: { name: 'sallyport', version: '0.0.0' } },
    })
  })

  it('is private when one part of it is', async () => {
    const a = new ScriptedView('a', { tools: [], cacheScope: 'public' })
    const b = new ScriptedView('b', { tools: [], cacheScope: 'private' })
    const { result } = await ask(merged([a, b]), 'tools/list').answer
    expect(result?.['cacheScope']).toBe('private')
  })

  it('reads all pages of a server', async () => {
    const a = new ScriptedView('a', { tools: numbered(7), perPage: 3 })
    expect(
      await listed(merged([a, new ScriptedView('b', { tools: [] })]), 'tools/list'),
    ).toHaveLength(7)
    expect(a.asked('tools/list').map((it) => it.request.params['cursor'])).toEqual([
      undefined,
      '3',
      '6',
    ])
  })

  it('stops reading a server whose cursor leads to itself', async () => {
    const a = new ScriptedView('a')
    a.intercept = ({ request, sink }) => {
      if (request.method !== 'tools/list') return false
      const name = `t${a.asked('tools/list').length}`
      sink.onResult({ tools: [tool(name)], nextCursor: 'again' })
      return true
    }
    const b = new ScriptedView('b', { tools: [] })
    expect(await listed(merged([a, b]), 'tools/list')).toEqual(['a_t1', 'a_t2'])
  })

  it('does without a server that lacks the method, and misses nothing', async () => {
    const a = new ScriptedView('a', { prompts: [prompt('p')] })
    const { result } = await ask(merged([a, new ScriptedView('b')]), 'prompts/list').answer
    expect(itemsOf(result as JsonObject)).toEqual([{ name: 'a_p' }])
    expect(result?.['_meta']).not.toHaveProperty([MISSING_SERVERS])
  })

  it('is unknown when no server has it', async () => {
    const view = merged([new ScriptedView('a'), new ScriptedView('b')])
    expect((await ask(view, 'prompts/list').answer).error?.code).toBe(-32_601)
  })
})

describe('a server that cannot be asked', () => {
  it('is left out in time, named, and the answer is not to be kept', async () => {
    const clock = manualClock()
    const views = Array.from({ length: 20 }, (_, at) => {
      const view = new ScriptedView(`s${at}`, { tools: [tool('x')], cacheScope: 'public' })
      if (at === 7) view.intercept = () => true
      return view
    })
    const missing: string[] = []
    const observer = {
      onMissing: (server: string) => void missing.push(server),
      onConflict: () => {},
    }
    const { answer } = ask(merged(views, { clock, timeoutMs: 2_000, observer }), 'tools/list')
    await settle()
    clock.advance(2_000)
    const { result } = await answer
    expect(itemsOf(result as JsonObject)).toHaveLength(19)
    expect(result?.['_meta']).toMatchObject({ [MISSING_SERVERS]: ['s7'] })
    expect(result).toMatchObject({ ttlMs: 0, cacheScope: 'private' })
    expect(missing).toEqual(['s7'])
    expect(views[7]?.calls[0]?.isCancelled).toBe(true)
  })

  it('is not waited for again and again', async () => {
    const clock = manualClock()
    const hanging = new ScriptedView('b')
    hanging.intercept = () => true
    const view = merged([new ScriptedView('a', { tools: [tool('x')] }), hanging], { clock })
    const { answer } = ask(view, 'tools/list')
    await settle()
    clock.advance(5_000)
    await answer
    expect(await listed(view, 'tools/list')).toEqual(['a_x'])
    clock.advance(1_000)
    const later = ask(view, 'tools/list').answer
    await settle()
    clock.advance(250)
    expect(itemsOf((await later).result as JsonObject)).toHaveLength(1)
    expect(hanging.asked('tools/list')).toHaveLength(2)
  })

  it('is in the list again once it can be asked', async () => {
    const clock = manualClock()
    const b = new ScriptedView('b', { tools: [tool('y')] })
    b.intercept = ({ sink }) => {
      sink.onFailure(unreachable())
      return true
    }
    const view = merged([new ScriptedView('a', { tools: [tool('x')] }), b], { clock })
    expect(await listed(view, 'tools/list')).toEqual(['a_x'])
    b.intercept = () => false
    clock.advance(1_000)
    expect(await listed(view, 'tools/list')).toEqual(['a_x', 'b_y'])
  })

  it('fails the list when there is no other', async () => {
    const views = ['a', 'b'].map((name) => {
      const view = new ScriptedView(name)
      view.intercept = ({ sink }) => {
        sink.onFailure(unreachable())
        return true
      }
      return view
    })
    expect((await ask(merged(views), 'tools/list').answer).failure?.code).toBe(
      'GW_UPSTREAM_UNREACHABLE',
    )
  })

  it('may be of any kind that answers nonsense', async () => {
    const b = new ScriptedView('b')
    b.intercept = ({ sink }) => {
      sink.onResult({ resultType: 'complete', tools: 'none' })
      return true
    }
    const view = merged([new ScriptedView('a', { tools: [tool('x')] }), b])
    expect((await ask(view, 'tools/list').answer).result?.['_meta']).toMatchObject({
      [MISSING_SERVERS]: ['b'],
    })
  })
})

describe('pages', () => {
  it.each([1, 2, 3, 5, 7, 100])('of %i have every item once', async (pageSize) => {
    const views = [
      new ScriptedView('a', { tools: numbered(5) }),
      new ScriptedView('b', { tools: [] }),
      new ScriptedView('c', { tools: numbered(4) }),
      new ScriptedView('d', { tools: [] }),
    ]
    const all = await readAll(merged(views, { pageSize }))
    expect(all).toEqual([...numbered(5, 'a_t'), ...numbered(4, 'c_t')].map((it) => it.name))
  })

  it('are no longer than asked for', async () => {
    const script = { tools: numbered(5), cacheScope: 'public' } as const
    const views = ['a', 'b'].map((name) => new ScriptedView(name, script))
    const view = merged(views, { pageSize: 2 })
    const { result } = await ask(view, 'tools/list').answer
    expect(itemsOf(result as JsonObject)).toHaveLength(2)
    expect(result?.['cacheScope']).toBe('private')
  })

  it('lose and repeat nothing of the others when a server leaves in between', async () => {
    const script = (name: string) => new ScriptedView(name, { tools: numbered(4) })
    const before = merged(['a', 'b', 'c'].map(script), { pageSize: 3 })
    const after = merged(['a', 'c'].map(script), { pageSize: 3 })
    for (const pages of [1, 2, 3]) {
      const all = await readSwitching(before, after, pages)
      const others = all.filter((name) => !name.startsWith('b_'))
      expect(others.toSorted()).toEqual(
        [...numbered(4, 'a_t'), ...numbered(4, 'c_t')].map((it) => it.name),
      )
    }
  })

  it('lose and repeat nothing when a server joins in between, before or behind', async () => {
    const script = (name: string) => new ScriptedView(name, { tools: numbered(4) })
    for (const [few, more] of [
      [
        ['b', 'c'],
        ['a', 'b', 'c'],
      ],
      [
        ['a', 'c'],
        ['a', 'b', 'c'],
      ],
      [
        ['a', 'b'],
        ['a', 'b', 'c'],
      ],
    ] as const) {
      const before = merged(few.map(script), { pageSize: 3 })
      const after = merged(more.map(script), { pageSize: 3 })
      const all = await readSwitching(before, after, 2)
      expect(all.toSorted()).toEqual(
        more.flatMap((name) => numbered(4, `${name}_t`).map((it) => it.name)),
      )
    }
  })

  it('go on behind the last item when the list before it changed', async () => {
    const clock = manualClock()
    const a = new ScriptedView('a', { tools: numbered(6), ttlMs: 1 })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { pageSize: 2, clock })
    const { result } = await ask(view, 'tools/list').answer
    a.script.tools = [tool('new'), ...numbered(6)]
    a.change('notifications/tools/list_changed')
    const next = await listed(view, 'tools/list', { cursor: result?.['nextCursor'] })
    expect(next).toEqual(['a_t2', 'a_t3'])
  })

  it('cannot be had with a cursor of another caller, list or view, or with a made-up one', async () => {
    const script = { tools: numbered(5), prompts: [prompt('p')] }
    const views = () => [new ScriptedView('a', script), new ScriptedView('b', { tools: [] })]
    const view = merged(views(), { pageSize: 2 })
    const other = merged(views(), { pageSize: 2, name: '/other' })
    const { result } = await ask(view, 'tools/list').answer
    const cursor = result?.['nextCursor'] as string
    const attempts = [
      ask(view, 'tools/list', { cursor }, caller('bob')),
      ask(view, 'prompts/list', { cursor }),
      ask(other, 'tools/list', { cursor }),
      ask(view, 'tools/list', { cursor: `${cursor}A` }),
      ask(view, 'tools/list', { cursor: '' }),
      ask(view, 'tools/list', { cursor: null }),
    ]
    for (const { answer } of attempts) {
      expect((await answer).error).toEqual({ code: -32_602, message: 'Invalid cursor' })
    }
    expect(await listed(view, 'tools/list', { cursor })).toEqual(['a_t2', 'a_t3'])
  })
})

/** Reads `pages` pages of the one view and the rest of the other, which has the same key and name. */
async function readSwitching(
  before: ServerView,
  after: ServerView,
  pages: number,
): Promise<string[]> {
  const names: string[] = []
  let cursor: unknown
  for (let page = 0; page === 0 || cursor !== undefined; page++) {
    const view = page < pages ? before : after
    const { result } = await ask(view, 'tools/list', cursor === undefined ? {} : { cursor }).answer
    if (result === undefined) throw new Error('no page')
    names.push(...itemsOf(result).map((it) => it['name'] as string))
    cursor = result['nextCursor']
  }
  return names
}
