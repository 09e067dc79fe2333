import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/wire/index.ts'
import {
  ask,
  caller,
  listed,
  merged,
  prompt,
  ScriptedView,
  settle,
  template,
  tool,
  unreachable,
} from './scripted-view.ts'

const COMPLETE = { resultType: 'complete' }

/** Answers every call of the method with its own params in the result. */
function echo(view: ScriptedView, method = 'tools/call'): ScriptedView {
  view.intercept = ({ request, sink }) => {
    if (request.method !== method) return false
    sink.onResult({ ...COMPLETE, by: view.name, got: request.params })
    return true
  }
  return view
}

const ODD_NAMES = ['plain', 'with_under_scores', '_', 'naïve ☃', 'a\nb', 'x:y/z', '.', '']

describe('tools/call', () => {
  it.each(['prefix', 'prefix_on_conflict', 'keep'] as const)(
    'reaches every listed tool by its name, with names: %s',
    async (names) => {
      const views = ['a', 'b', 'a_b'].map((name) =>
        echo(
          new ScriptedView(name, { tools: [...ODD_NAMES, `only_${name}`].map((it) => tool(it)) }),
        ),
      )
      const view = merged(views, { names })
      const all = await listed(view, 'tools/list')
      expect(new Set(all).size).toBe(all.length)
      const reached = new Set<string>()
      for (const name of all) {
        const { result } = await ask(view, 'tools/call', { name, arguments: { k: 1 } }).answer
        const got = result?.['got'] as JsonObject | undefined
        reached.add(JSON.stringify([result?.['by'], got?.['name']]))
      }
      expect(reached.size).toBe(
        names === 'keep' ? ODD_NAMES.length + 3 : 3 * (ODD_NAMES.length + 1),
      )
    },
  )

  it('passes everything but the name as it is', async () => {
    const a = echo(new ScriptedView('a'))
    const params = {
      name: 'a_x',
      arguments: { deep: [1, { n: 2 }] },
      inputResponses: { q: { action: 'accept' } },
      requestState: 'opaque',
      _meta: { progressToken: 7, traceparent: '00-1-2-01' },
    }
    const { result } = await ask(merged([a, new ScriptedView('b')]), 'tools/call', params).answer
    expect(result?.['got']).toEqual({ ...params, name: 'x' })
    expect(a.listens).toEqual([])
  })

  it('asks for no list where the prefix tells', async () => {
    const a = echo(new ScriptedView('a', { tools: [] }))
    await ask(merged([a, new ScriptedView('b')]), 'tools/call', { name: 'a_x' }).answer
    expect(a.calls).toHaveLength(1)
  })

  it('hands back a question to the client untouched', async () => {
    const a = new ScriptedView('a')
    const view = merged([a, new ScriptedView('b')])
    const { answer } = ask(view, 'tools/call', { name: 'a_x' })
    const question = {
      resultType: 'input_required',
      inputRequests: { q: { method: 'elicitation/create', params: { message: 'a_x?' } } },
      requestState: 'state',
    }
    a.calls[0]?.sink.onResult(question)
    expect((await answer).result).toBe(question)
  })

  it('passes progress, log, the server’s own errors and failures', async () => {
    const a = new ScriptedView('a')
    const view = merged([a, new ScriptedView('b')])
    const [failing, broken] = [
      ask(view, 'tools/call', { name: 'a_x' }),
      ask(view, 'tools/call', { name: 'a_y' }),
    ]
    const progress = { method: 'notifications/progress', params: { progressToken: 1, progress: 2 } }
    a.calls[0]?.sink.onNotification(progress)
    a.calls[0]?.sink.onError({ code: -32_602, message: 'bad', data: { k: 1 } })
    a.calls[1]?.sink.onFailure(unreachable())
    expect(await failing.answer).toEqual({
      error: { code: -32_602, message: 'bad', data: { k: 1 } },
      notifications: [progress],
    })
    expect((await broken.answer).failure?.code).toBe('GW_UPSTREAM_UNREACHABLE')
  })

  it('is cancelled at its server, also while the name is still looked up', async () => {
    const a = new ScriptedView('a', { tools: [tool('x')] })
    const view = merged([a, new ScriptedView('b', { tools: [] })], { names: 'keep' })
    ask(view, 'tools/call', { name: 'x' }).call.cancel()
    await settle()
    expect(a.asked('tools/call')).toEqual([])
    const { call } = ask(view, 'tools/call', { name: 'x' })
    await settle()
    call.cancel()
    expect(a.asked('tools/call').map((it) => it.isCancelled)).toEqual([true])
  })

  it.each([
    ['unknown', 'c_x'],
    ['unknown without prefix', 'x'],
    ['no text', 7],
    ['missing', undefined],
  ])('answers -32602 to a name that is %s', async (_, name) => {
    const view = merged([new ScriptedView('a', { tools: [tool('x')] }), new ScriptedView('b')])
    const { error } = await ask(view, 'tools/call', { name }).answer
    const message =
      typeof name === 'string' ? `Unknown tool: ${name}` : 'expected the name of a tool'
    expect(error).toEqual({ code: -32_602, message })
  })

  it('does not call a tool unknown while the server that may have it cannot be asked', async () => {
    const b = new ScriptedView('b')
    b.intercept = ({ sink }) => {
      sink.onFailure(unreachable())
      return true
    }
    const view = merged([new ScriptedView('a', { tools: [] }), b], { names: 'keep' })
    const { failure } = await ask(view, 'tools/call', { name: 'x' }).answer
    expect(failure?.code).toBe('GW_UPSTREAM_UNREACHABLE')
  })
})

describe('rules for tools', () => {
  const rules = {
    a: { allow: ['get_*', 'old'], deny: ['*_secret'], rename: new Map([['old', 'fresh']]) },
  }
  const TOOLS = ['get_one', 'get_secret', 'put_one', 'old', 'fresh'].map((it) => tool(it))

  it.each([
    ['several servers', true, 'a_'],
    ['one server', false, ''],
  ])('hold on a route with %s', async (_, hasOther, prefix) => {
    const a = echo(new ScriptedView('a', { tools: TOOLS }))
    const others = hasOther ? [new ScriptedView('b', { tools: [] })] : []
    const view = merged([a, ...others], { rules })
    expect(await listed(view, 'tools/list')).toEqual([`${prefix}get_one`, `${prefix}fresh`])
    const called = async (name: string) => {
      const { result, error } = await ask(view, 'tools/call', { name: prefix + name }).answer
      return (result?.['got'] as JsonObject | undefined)?.['name'] ?? error?.code
    }
    expect(await called('get_one')).toBe('get_one')
    expect(await called('fresh')).toBe('old')
    for (const name of ['get_secret', 'put_one', 'old']) expect(await called(name)).toBe(-32_602)
    expect(a.asked('tools/call')).toHaveLength(2)
  })

  it('do not offer the tool whose name went to another', async () => {
    const a = echo(new ScriptedView('a', { tools: [tool('fresh', { own: true }), tool('old')] }))
    const view = merged([a], { rules: { a: { rename: new Map([['old', 'fresh']]) } } })
    const { result } = await ask(view, 'tools/list').answer
    expect(result?.['tools']).toEqual([tool('fresh')])
  })

  it('let two tools change names', async () => {
    const swap = {
      a: {
        rename: new Map([
          ['x', 'y'],
          ['y', 'x'],
        ]),
      },
    }
    const a = echo(new ScriptedView('a', { tools: [tool('x'), tool('y')] }))
    const view = merged([a], { rules: swap })
    expect(await listed(view, 'tools/list')).toEqual(['y', 'x'])
    const { result } = await ask(view, 'tools/call', { name: 'y' }).answer
    expect(result?.['got']).toEqual({ name: 'x' })
  })

  it('leave prompts alone', async () => {
    const view = merged([new ScriptedView('a', { prompts: [prompt('put_one')] })], { rules })
    expect(await listed(view, 'prompts/list')).toEqual(['put_one'])
  })
})

describe('names: keep', () => {
  it('leaves out the later of two tools, and says so once', async () => {
    const told: string[] = []
    const observer = {
      onMissing: () => {},
      onConflict: (server: string, method: string) => void told.push(`${server} ${method}`),
    }
    const [a, b] = ['a', 'b'].map((name) => echo(new ScriptedView(name, { tools: [tool('x')] })))
    const view = merged([a as ScriptedView, b as ScriptedView], { names: 'keep', observer })
    for (const who of ['ann', 'bob']) {
      expect(await listed(view, 'tools/list', {}, caller(who))).toEqual(['x'])
    }
    expect((await ask(view, 'tools/call', { name: 'x' }).answer).result?.['by']).toBe('a')
    expect(told).toEqual(['b tools/list'])
    expect(view.conflicts).toEqual([{ server: 'b', local: 'x', heldBy: 'a' }])
  })
})

describe('names: prefix_on_conflict', () => {
  it('finds a tool by both names when another server with that name comes', async () => {
    const a = echo(new ScriptedView('a', { tools: [tool('x')] }))
    const b = echo(new ScriptedView('b', { tools: [] }))
    const view = merged([a, b], { names: 'prefix_on_conflict' })
    expect(await listed(view, 'tools/list')).toEqual(['x'])
    const by = async (name: string) => {
      const { result, error } = await ask(view, 'tools/call', { name }).answer
      return result?.['by'] ?? error?.code
    }
    expect([await by('x'), await by('a_x')]).toEqual(['a', 'a'])
    b.script.tools = [tool('x')]
    b.change('notifications/tools/list_changed')
    expect(await listed(view, 'tools/list')).toEqual(['a_x', 'b_x'])
    expect([await by('a_x'), await by('b_x'), await by('x')]).toEqual(['a', 'b', -32_602])
  })
})

describe('prompts', () => {
  it('are named as tools are', async () => {
    const [a, b] = ['a', 'b'].map((name) =>
      echo(new ScriptedView(name, { prompts: [prompt('p')] }), 'prompts/get'),
    )
    const view = merged([a as ScriptedView, b as ScriptedView])
    expect(await listed(view, 'prompts/list')).toEqual(['a_p', 'b_p'])
    const { result } = await ask(view, 'prompts/get', { name: 'b_p', arguments: {} }).answer
    expect(result).toEqual({ ...COMPLETE, by: 'b', got: { name: 'p', arguments: {} } })
    expect((await ask(view, 'prompts/get', { name: 'p' }).answer).error?.message).toBe(
      'Unknown prompt: p',
    )
  })
})

describe('completion/complete', () => {
  const views = () =>
    ['a', 'b'].map((name) =>
      echo(
        new ScriptedView(name, {
          prompts: [prompt('p')],
          resources: [],
          templates: [template('note://{id}'), template(`${name}://{id}`)],
        }),
        'completion/complete',
      ),
    )
  const complete = async (ref: JsonObject) => {
    const params = { ref, argument: { name: 'id', value: '1' } }
    const { result, error } = await ask(merged(views()), 'completion/complete', params).answer
    return result === undefined ? error?.code : [result['by'], (result['got'] as JsonObject)['ref']]
  }

  it('goes where the prompt is', async () => {
    expect(await complete({ type: 'ref/prompt', name: 'b_p' })).toEqual([
      'b',
      { type: 'ref/prompt', name: 'p' },
    ])
    expect(await complete({ type: 'ref/prompt', name: 'c_p' })).toBe(-32_602)
  })

  it('goes where the template is', async () => {
    const ref = (uri: string) => ({ type: 'ref/resource', uri })
    expect(await complete(ref('note://{id}'))).toEqual(['a', ref('note://{id}')])
    expect(await complete(ref('sallyport://b/note://{id}'))).toEqual(['b', ref('note://{id}')])
    expect(await complete(ref('b://{id}'))).toEqual(['b', ref('b://{id}')])
    expect(await complete({ type: 'ref/other' })).toBe(-32_602)
  })
})

describe('tasks', () => {
  const related = (taskId: string) => ({ 'io.modelcontextprotocol/related-task': { taskId } })

  it('are found again by ids that name their server', async () => {
    const [a, b] = [new ScriptedView('a'), new ScriptedView('b')]
    const view = merged([a, b])
    for (const server of [a, b]) {
      const { answer } = ask(view, 'tools/call', { name: `${server.name}_x` })
      server.calls[0]?.sink.onResult({ resultType: 'task', taskId: 'same:id', status: 'working' })
      expect((await answer).result).toMatchObject({
        taskId: `${server.name}:same:id`,
        status: 'working',
      })
    }
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const params = { taskId: 'b:same:id', inputResponses: {}, _meta: related('b:same:id') }
      const { answer } = ask(view, method, params)
      const call = b.asked(method)[0]
      expect(call?.request.params).toEqual({
        taskId: 'same:id',
        inputResponses: {},
        _meta: related('same:id'),
      })
      const result = { content: [], _meta: related('same:id') }
      call?.sink.onNotification({
        method: 'notifications/progress',
        params: { _meta: related('same:id') },
      })
      call?.sink.onResult({ ...COMPLETE, taskId: 'same:id', result })
      expect(await answer).toEqual({
        notifications: [
          { method: 'notifications/progress', params: { _meta: related('b:same:id') } },
        ],
        result: {
          ...COMPLETE,
          taskId: 'b:same:id',
          result: { content: [], _meta: related('b:same:id') },
        },
      })
    }
    expect(a.asked('tasks/get')).toEqual([])
  })

  it.each([['c:id'], ['id'], [':id'], [7], [undefined]])(
    'are unknown by the id %j',
    async (taskId) => {
      const view = merged([new ScriptedView('a'), new ScriptedView('b')])
      expect((await ask(view, 'tasks/get', { taskId }).answer).error?.code).toBe(-32_602)
    },
  )

  it('leave a result’s own member of that name alone', async () => {
    const a = new ScriptedView('a')
    const { answer } = ask(merged([a, new ScriptedView('b')]), 'tools/call', { name: 'a_x' })
    const result = { ...COMPLETE, taskId: 'mine', content: [] }
    a.calls[0]?.sink.onResult(result)
    expect((await answer).result).toBe(result)
  })
})

describe('a method that nobody knows', () => {
  it('is not found among several servers, and goes to one alone', async () => {
    const a = echo(new ScriptedView('a'), 'vendor/thing')
    expect((await ask(merged([a, new ScriptedView('b')]), 'vendor/thing').answer).error?.code).toBe(
      -32_601,
    )
    expect((await ask(merged([a]), 'vendor/thing').answer).result?.['by']).toBe('a')
  })
})
