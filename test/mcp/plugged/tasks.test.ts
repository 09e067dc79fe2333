import { describe, expect, it } from 'vitest'
import { createPluggedView } from '../../../src/mcp/index.ts'
import type { HookName } from '../../../src/plugins/index.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import { chainOf, PASS, plugin } from '../../plugins/chain-of.ts'
import { ask, listen } from '../back/modern/view-of.ts'
import { ScriptedView, textResult, type Handler } from '../front/scripted-view.ts'

const TASKS = 'io.modelcontextprotocol/tasks'
const CAPABILITIES = { sampling: {}, extensions: { [TASKS]: {}, other: {} } }
const TASK = { resultType: 'task', task: { taskId: 't', status: 'working' } }

function plugged(
  hook: HookName,
  handlers: Readonly<Record<string, Handler>> = {},
  isWritten = true,
) {
  const inner = new ScriptedView(handlers)
  const guard = plugin('guard', PASS, { hooks: isWritten ? [hook] : undefined }, [hook])
  const context = { route: '/weather', servers: 'weather' }
  return { inner, guard, view: createPluggedView(inner, chainOf([guard]).chain, context) }
}

/** Makes a task of a call whenever the client could take one. */
const tasking: Handler = ({ request }) => {
  const { extensions } = request.caller.capabilities as { extensions?: JsonObject }
  return extensions?.[TASKS] === undefined ? textResult('done') : TASK
}

describe('where plugins look at the results of tools', () => {
  it('no call becomes a task', async () => {
    const { view, inner, guard } = plugged('tool_post_invoke', { 'tools/call': tasking })
    const params = { name: 'a', task: { ttl: 1 } }
    const { results } = await ask(view, 'tools/call', params, { capabilities: CAPABILITIES })
    expect(results).toEqual([{ resultType: 'complete', ...textResult('done') }])
    expect(guard.asked).toHaveLength(1)
    const { request } = inner.calls[0] ?? {}
    expect(request?.params).toEqual({ name: 'a' })
    expect(request?.caller).toMatchObject({
      key: 'someone',
      capabilities: { sampling: {}, extensions: { other: {} } },
    })
  })

  it.each([TASK, { resultType: 'something/new', ...textResult('secret') }])(
    'a server that answers %j all the same is not believed',
    async (result) => {
      const { view } = plugged('tool_post_invoke', { 'tools/call': () => result })
      const { results, failures } = await ask(view, 'tools/call', { name: 'a' })
      expect(results).toEqual([])
      expect(failures.map((it) => it.code)).toEqual(['GW_UPSTREAM_PROTOCOL'])
    },
  )

  it.each(['tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/result'])(
    '%s is no method',
    async (method) => {
      const { view, inner } = plugged('tool_post_invoke', { [method]: () => textResult('secret') })
      const { errors } = await ask(view, method, { taskId: 't' })
      expect(errors.map((it) => it.code)).toEqual([-32_601])
      expect(inner.calls).toEqual([])
    },
  )

  it('nobody is told that there are tasks, nor hears of any', async () => {
    const { view, inner } = plugged('tool_post_invoke')
    const { results } = await ask(view, 'server/discover')
    const { capabilities } = results[0] as { capabilities: JsonObject }
    expect(capabilities['extensions']).toEqual({})
    expect(capabilities['tools']).toEqual({ listChanged: true })
    listen(view, { taskIds: ['t'], toolsListChanged: true })
    expect(inner.listens[0]?.request.filter).toEqual({ toolsListChanged: true })
  })
})

describe('where plugins look only at what is asked', () => {
  it('calls may become tasks', async () => {
    const handlers = { 'tools/call': tasking, 'tasks/get': () => textResult('done') }
    const { view, guard } = plugged('tool_pre_invoke', handlers)
    const how = { capabilities: CAPABILITIES }
    expect((await ask(view, 'tools/call', { name: 'a' }, how)).results).toEqual([TASK])
    expect((await ask(view, 'tasks/get', { taskId: 't' }, how)).results).toHaveLength(1)
    const { results } = await ask(view, 'server/discover')
    expect(JSON.stringify(results)).toContain(TASKS)
    expect(guard.asked).toHaveLength(1)
  })
})

describe('where a plugin says its hooks itself', () => {
  it('there are no tasks, whatever it says', async () => {
    const handlers = { 'tools/call': tasking, 'tasks/get': () => textResult('secret') }
    const { view, guard } = plugged('tool_pre_invoke', handlers, false)
    const how = { capabilities: CAPABILITIES }
    const done = { resultType: 'complete', ...textResult('done') }
    const isWithout = async (): Promise<void> => {
      expect((await ask(view, 'tasks/get', { taskId: 't' }, how)).results).toEqual([])
      const { results } = await ask(view, 'server/discover')
      expect(JSON.stringify(results)).not.toContain(TASKS)
    }
    await isWithout()
    expect((await ask(view, 'tools/call', { name: 'a' }, how)).results).toEqual([done])
    expect(guard.asked.map(({ hook }) => hook)).toEqual(['tool_pre_invoke'])
    await isWithout()
    expect((await ask(view, 'tools/call', { name: 'a' }, how)).results).toEqual([done])
  })
})
