import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/core/index.ts'
import { createPluggedView } from '../../../src/mcp/index.ts'
import type { HookChain, HookName, PluginOptions } from '../../../src/plugins/index.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import {
  chainOf,
  change,
  deny,
  PASS,
  plugin,
  type Answer,
  type Asked,
} from '../../plugins/chain-of.ts'
import { ask, begin } from '../back/modern/view-of.ts'
import { progress, ScriptedView, textResult, type Handler } from '../front/scripted-view.ts'

const CONTEXT = { route: '/weather', servers: 'weather' }

type Plugged = readonly [Answer, Partial<PluginOptions>?]

/** A view whose plugins answer so, in the order given. */
function plugged(plugins: readonly Plugged[], handlers: Readonly<Record<string, Handler>> = {}) {
  const asked: Asked[] = []
  const all = plugins.map(([answer, options], at) =>
    plugin(
      `p${at}`,
      (one) => {
        asked.push(one)
        return answer(one)
      },
      options,
    ),
  )
  const inner = new ScriptedView(handlers)
  const view = createPluggedView(inner, chainOf(all).chain, CONTEXT)
  return { view, inner, asked, hooks: () => asked.map(({ hook }) => hook) }
}

const only = (...hooks: HookName[]): Partial<PluginOptions> => ({ hooks })
const silent: Answer = () => new Promise(() => undefined)

const FORECAST = { name: 'forecast', arguments: { city: 'Oslo' }, _meta: { progressToken: 1 } }
const CALLS = {
  'tools/call': () => textResult('rain'),
  'prompts/get': () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] }),
  'resources/read': () => ({
    contents: [{ uri: 'file:///a', text: 'hello' }],
    ttlMs: 5,
    cacheScope: 'private',
  }),
}

describe('a call that plugins leave as it is', () => {
  it('goes on as the very params that came, and its result as the very result', async () => {
    const result = { resultType: 'complete', ...textResult('rain') }
    const { view, inner, hooks } = plugged([[PASS]], {
      'tools/call': ({ sink }) => {
        sink.onResult(result)
        return undefined
      },
    })
    const { results } = await ask(view, 'tools/call', FORECAST)
    expect(inner.calls[0]?.request.params).toBe(FORECAST)
    expect(results[0]).toBe(result)
    expect(hooks()).toEqual(['tool_pre_invoke', 'tool_post_invoke'])
  })

  it('is shown in the words of its hooks, and what it is about', async () => {
    const { view, asked } = plugged([[PASS]], CALLS)
    await ask(view, 'tools/call', FORECAST, { headers: ['authorization', 'Bearer secret'] })
    await ask(view, 'prompts/get', { name: 'greet', arguments: { who: 'you' } })
    await ask(view, 'resources/read', { uri: 'file:///a' })
    const result = { resultType: 'complete', ...textResult('rain') }
    expect(asked.map(({ hook, payload }) => [hook, payload])).toEqual([
      ['tool_pre_invoke', { name: 'forecast', args: { city: 'Oslo' } }],
      ['tool_post_invoke', { name: 'forecast', result }],
      ['prompt_pre_fetch', { prompt_id: 'greet', args: { who: 'you' } }],
      [
        'prompt_post_fetch',
        { prompt_id: 'greet', result: expect.objectContaining(CALLS['prompts/get']()) },
      ],
      ['resource_pre_fetch', { uri: 'file:///a', metadata: {} }],
      ['resource_post_fetch', { uri: 'file:///a', content: [{ uri: 'file:///a', text: 'hello' }] }],
    ])
    const contexts = asked.map(({ context }) => context['global_context'] as JsonObject)
    const about = {
      user: null,
      tenant_id: null,
      server_id: 'weather',
      metadata: { route: '/weather' },
    }
    expect(contexts[0]).toMatchObject(about)
    const ids = contexts.map((it) => it['request_id'])
    expect(ids[0]).toBe(ids[1])
    expect(new Set(ids).size).toBe(3)
    expect(JSON.stringify(asked)).not.toContain('secret')
  })

  it('without arguments is shown with none, and goes on without', async () => {
    const { view, inner, asked } = plugged([[PASS, only('tool_pre_invoke')]], CALLS)
    const params = { name: 'forecast' }
    await ask(view, 'tools/call', params)
    expect(asked[0]?.payload).toEqual({ name: 'forecast', args: {} })
    expect(inner.calls[0]?.request.params).toBe(params)
  })
})

describe('a changed payload', () => {
  const params = { inputResponses: { a: 1 }, requestState: 's', _meta: { progressToken: 1 } }

  it.each<[method: string, sent: JsonObject, Answer, received: JsonObject]>([
    [
      'tools/call',
      { name: 'a', arguments: { x: 1 } },
      change(() => ({ name: 'b', args: { x: 2 } })),
      { name: 'b', arguments: { x: 2 } },
    ],
    [
      'prompts/get',
      { name: 'a' },
      change(() => ({ prompt_id: 'b', args: { x: '2' } })),
      { name: 'b', arguments: { x: '2' } },
    ],
    ['resources/read', { uri: 'a:a' }, change(() => ({ uri: 'b:b' })), { uri: 'b:b' }],
  ])('of %s goes to the server, with all else that was in the params', async (...row) => {
    const [method, sent, answer, received] = row
    const hooks = only('tool_pre_invoke', 'prompt_pre_fetch', 'resource_pre_fetch')
    const { view, inner, asked } = plugged([[answer, hooks]], CALLS)
    const { results } = await ask(view, method, { ...sent, ...params })
    expect(results).toHaveLength(1)
    expect(inner.calls[0]?.request.params).toEqual({ ...received, ...params })
    expect(JSON.stringify(asked[0]?.payload)).not.toContain('requestState')
  })

  it('is what the hooks after the call are told it was', async () => {
    const pre = change(() => ({ name: 'b', args: {} }))
    const plugins: Plugged[] = [
      [pre, only('tool_pre_invoke')],
      [PASS, only('tool_post_invoke')],
    ]
    const { view, asked } = plugged(plugins, CALLS)
    await ask(view, 'tools/call', FORECAST)
    expect(asked[1]?.payload['name']).toBe('b')
  })
})

describe('a changed result', () => {
  it.each<[method: string, params: JsonObject, HookName, Answer, JsonObject]>([
    [
      'tools/call',
      { name: 'a' },
      'tool_post_invoke',
      change(() => ({ result: textResult('[removed]') })),
      { resultType: 'complete', ...textResult('[removed]') },
    ],
    [
      'prompts/get',
      { name: 'a' },
      'prompt_post_fetch',
      change(() => ({ result: { messages: [], description: 'd' } })),
      { resultType: 'complete', messages: [], description: 'd' },
    ],
    [
      'resources/read',
      { uri: 'file:///a' },
      'resource_post_fetch',
      change(() => ({ uri: 'x:x', content: [{ uri: 'file:///a', text: '*' }] })),
      {
        resultType: 'complete',
        contents: [{ uri: 'file:///a', text: '*' }],
        ttlMs: 5,
        cacheScope: 'private',
      },
    ],
  ])('of %s goes to the client', async (method, params, hook, answer, received) => {
    const { view, hooks } = plugged([[answer, only(hook)]], CALLS)
    expect((await ask(view, method, params)).results).toEqual([received])
    expect(hooks()).toEqual([hook])
  })
})

describe('a refusal', () => {
  it('before the call reaches no server', async () => {
    const { view, inner } = plugged([[deny({ reason: 'no' })]], CALLS)
    const { failures, results } = await ask(view, 'tools/call', FORECAST)
    expect(failures.map((it) => [it.code, it.message])).toEqual([
      ['GW_PLUGIN_DENIED', 'refused by the plugin "p0": no'],
    ])
    expect(results).toEqual([])
    expect(inner.calls).toEqual([])
  })

  it('after the call gives the client nothing of the result', async () => {
    const { view } = plugged([[deny({ reason: 'no' }), only('tool_post_invoke')]], CALLS)
    const { failures, results } = await ask(view, 'tools/call', FORECAST)
    expect(failures.map((it) => it.code)).toEqual(['GW_PLUGIN_DENIED'])
    expect(results).toEqual([])
  })

  it('by a plugin that fails does the same on both sides', async () => {
    const broken: Answer = () => ({ continue_processing: 'perhaps' })
    for (const hook of ['tool_pre_invoke', 'tool_post_invoke'] as const) {
      const { view } = plugged([[broken, only(hook)]], CALLS)
      const { failures, results } = await ask(view, 'tools/call', FORECAST)
      expect(failures.map((it) => it.code)).toEqual(['GW_PLUGIN_FAILED'])
      expect(results).toEqual([])
    }
  })
})

describe('what plugins cannot be shown', () => {
  it.each<[method: string, params: JsonObject]>([
    ['tools/call', {}],
    ['tools/call', { name: ['forecast'] }],
    ['tools/call', { name: 'a', arguments: [1] }],
    ['tools/call', { name: 'a', arguments: null }],
    ['prompts/get', { name: 'a', arguments: 'x' }],
    ['resources/read', { uri: { href: 'file:///a' } }],
  ])('%s with %j is refused', async (method, params) => {
    const { view, inner, asked } = plugged([[PASS]], CALLS)
    const { errors } = await ask(view, method, params)
    expect(errors.map((it) => it.code)).toEqual([-32_602])
    expect([...inner.calls, ...asked]).toEqual([])
  })
})

describe('a cancelled call', () => {
  it('before its hooks are over cancels them, and never reaches the server', async () => {
    const { view, inner, asked } = plugged([[silent]], CALLS)
    const { call, heard } = begin(view, 'tools/call', FORECAST)
    await expect.poll(() => asked.length).toBe(1)
    call.cancel()
    expect(asked[0]?.signal.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(inner.calls).toEqual([])
    expect(heard).toEqual({ notifications: [], results: [], errors: [], failures: [] })
  })

  it('is cancelled at the server while that has it', async () => {
    const { view, inner } = plugged([[PASS]], { 'tools/call': () => undefined })
    const { call } = begin(view, 'tools/call', FORECAST)
    await expect.poll(() => inner.calls.length).toBe(1)
    call.cancel()
    expect(inner.calls[0]?.cancelled).toBe(true)
  })

  it('after the server has answered cancels the hooks', async () => {
    const { view, inner, asked } = plugged([[silent, only('tool_post_invoke')]], CALLS)
    const { call, heard } = begin(view, 'tools/call', FORECAST)
    await expect.poll(() => asked.length).toBe(1)
    call.cancel()
    expect(asked[0]?.signal.aborted).toBe(true)
    await new Promise(setImmediate)
    expect(inner.calls[0]?.cancelled).toBe(false)
    expect(heard).toEqual({ notifications: [], results: [], errors: [], failures: [] })
  })

  it.each(['tool_pre_invoke', 'tool_post_invoke'] as const)(
    'hears nothing of a %s that is over at the same moment',
    async (hook) => {
      const run = Promise.withResolvers<JsonObject>()
      let runs = 0
      const chain: HookChain = {
        has: (it) => it === hook,
        couldHave: (it) => it === hook,
        run: (_, payload) => {
          runs++
          return run.promise.then(() => payload)
        },
      }
      const inner = new ScriptedView(CALLS)
      const { call, heard } = begin(
        createPluggedView(inner, chain, CONTEXT),
        'tools/call',
        FORECAST,
      )
      await expect.poll(() => runs).toBe(1)
      const callsBefore = inner.calls.length
      run.resolve({})
      call.cancel()
      await new Promise(setImmediate)
      expect(inner.calls).toHaveLength(callsBefore)
      expect(heard).toEqual({ notifications: [], results: [], errors: [], failures: [] })
    },
  )
})

describe('a result that cannot be given to the client', () => {
  it('is a failure, so that the client waits for no other', async () => {
    const { view } = plugged([[PASS]], CALLS)
    const { promise, resolve } = Promise.withResolvers<GatewayError>()
    const caller = { key: 'someone', clientInfo: undefined, capabilities: {} }
    const request = { method: 'tools/call', params: FORECAST, caller, headers: [] }
    const nothing = () => undefined
    view.call(
      { ...request, logLevel: undefined },
      {
        onNotification: nothing,
        onError: nothing,
        onResult: () => {
          throw new RangeError('too much to write')
        },
        onFailure: resolve,
      },
    )
    expect((await promise).code).toBe('GW_INTERNAL')
  })
})

describe('what has no hooks', () => {
  it('passes: progress, errors and failures of a call', async () => {
    const gone = new GatewayError('GW_UPSTREAM_UNREACHABLE', 'gone')
    const rpc = { code: -32_000, message: 'bad' }
    for (const thrown of [gone, rpc]) {
      const { view, hooks } = plugged([[PASS]], {
        'tools/call': ({ sink }) => {
          sink.onNotification(progress(1, 1))
          throw thrown
        },
      })
      const { notifications, errors, failures } = await ask(view, 'tools/call', FORECAST)
      expect(notifications).toEqual([progress(1, 1)])
      expect([...errors, ...failures]).toEqual([thrown])
      expect(hooks()).toEqual(['tool_pre_invoke'])
    }
  })

  it('passes as it is: other methods, and those that no plugin has a hook for', async () => {
    const handlers = { ...CALLS, 'tools/list': () => ({ tools: [] }) }
    const { view, inner, hooks } = plugged([[PASS, only('prompt_pre_fetch')]], handlers)
    const params = { name: ['whatever the server makes of it'] }
    await ask(view, 'tools/list')
    await ask(view, 'tools/call', params)
    expect(inner.calls[1]?.request.params).toBe(params)
    expect(hooks()).toEqual([])
  })

  it('passes: that a caller is gone, that a call is given up, and subscriptions', () => {
    const { view, inner } = plugged([[PASS, only('tool_pre_invoke')]])
    const abandoned: string[][] = []
    Object.assign(inner, { abandon: (...args: string[]) => void abandoned.push(args) })
    view.forgetCaller?.('someone')
    view.abandon?.('someone', 'state')
    const caller = { key: 'someone', clientInfo: undefined, capabilities: {} }
    const request = { caller, headers: [], filter: { taskIds: ['t'], toolsListChanged: true } }
    const nothing = () => undefined
    const sink = {
      onAcknowledged: nothing,
      onNotification: nothing,
      onEnd: nothing,
      onFailure: nothing,
    }
    view.listen(request, sink).cancel()
    expect(inner.forgotten.map(({ key }) => key)).toEqual(['someone'])
    expect(abandoned).toEqual([['someone', 'state']])
    expect(inner.listens[0]).toMatchObject({ request, sink, cancelled: true })
  })

  it('is not the bytes of a client: those go through the hooks as well', () => {
    expect('callVerbatim' in plugged([[PASS]]).view).toBe(false)
  })
})

describe('a question of the server', () => {
  it('passes unlooked at, and the retry goes through all hooks with the client’s own params', async () => {
    const question = { resultType: 'input_required', inputRequests: {}, requestState: 's' }
    const double = change(({ name, args }) => {
      const { n } = args as { n: number }
      return { name, args: { n: n * 2 } }
    })
    const plugins: Plugged[] = [
      [double, only('tool_pre_invoke')],
      [PASS, only('tool_post_invoke')],
    ]
    const { view, inner, hooks } = plugged(plugins, {
      'tools/call': ({ request }) =>
        request.params['requestState'] === 's' ? textResult('done') : question,
    })
    const params = { name: 'add', arguments: { n: 2 } }
    expect((await ask(view, 'tools/call', params)).results).toEqual([question])
    const answers = { requestState: 's', inputResponses: { q: { action: 'accept' } } }
    const { results } = await ask(view, 'tools/call', { ...params, ...answers })
    expect(results).toEqual([{ resultType: 'complete', ...textResult('done') }])
    const doubled = { name: 'add', arguments: { n: 4 } }
    expect(inner.calls.map(({ request }) => request.params)).toEqual([
      doubled,
      { ...doubled, ...answers },
    ])
    expect(hooks()).toEqual(['tool_pre_invoke', 'tool_pre_invoke', 'tool_post_invoke'])
  })
})
