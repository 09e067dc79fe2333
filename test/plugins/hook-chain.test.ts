import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/core/index.ts'
import type { HookChain } from '../../src/plugins/index.ts'
import type { JsonObject } from '../../src/wire/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import {
  causesOf,
  chainOf,
  change,
  deny,
  newContext,
  PASS,
  plugin,
  rejection,
  toolResult,
  type Answer,
} from './chain-of.ts'

const PAYLOAD = { name: 'forecast', args: { city: 'Oslo' } }
const NEVER = new AbortController().signal

const invoke = (chain: HookChain, payload: JsonObject = PAYLOAD, signal = NEVER) =>
  chain.run('tool_pre_invoke', payload, newContext(), signal)

const appendArg = (value: string): Answer =>
  change(({ name, args }) => ({ name, args: { seen: `${textOf(args)}${value}` } }))

const textOf = (args: unknown): string => {
  const { seen } = args as { seen?: string }
  return seen ?? ''
}

const broken: Answer = () => {
  throw new GatewayError('GW_UPSTREAM_UNREACHABLE', 'no route to https://plugin.internal/mcp')
}

describe('a chain', () => {
  it('asks by priority, then in the order given, and shows each what the one before made', async () => {
    const plugins = [
      plugin('c', appendArg('c'), { priority: 200 }),
      plugin('a', appendArg('a'), { priority: 10 }),
      plugin('b', appendArg('b'), { priority: 200 }),
    ]
    const { chain, outcomes } = chainOf(plugins)
    expect(await invoke(chain)).toEqual({ name: 'forecast', args: { seen: 'acb' } })
    expect(plugins[2]?.asked[0]?.payload).toEqual({ name: 'forecast', args: { seen: 'ac' } })
    expect(outcomes).toEqual(['a', 'c', 'b'].map((it) => `${it} tool_pre_invoke changed`))
  })

  it('asks only those with the hook', async () => {
    const pre = plugin('pre', PASS, { hooks: ['tool_pre_invoke'] })
    const post = plugin('post', PASS, { hooks: ['tool_post_invoke'] })
    const { chain } = chainOf([pre, post])
    await invoke(chain)
    expect(pre.asked).toHaveLength(1)
    expect(post.asked).toHaveLength(0)
    expect(chain.has('tool_post_invoke')).toBe(true)
    expect(chain.has('prompt_pre_fetch')).toBe(false)
  })

  it('does not ask a disabled plugin', async () => {
    const off = plugin('off', broken, { mode: 'disabled' })
    const { chain } = chainOf([off])
    expect(chain.has('tool_pre_invoke')).toBe(false)
    expect(await invoke(chain)).toBe(PAYLOAD)
    expect(off.asked).toHaveLength(0)
  })

  it('gives the very payload back that nobody changed', async () => {
    const { chain, outcomes } = chainOf([plugin('a', PASS), plugin('b', () => ({}))])
    expect(await invoke(chain)).toBe(PAYLOAD)
    expect(outcomes).toEqual(['a tool_pre_invoke passed', 'b tool_pre_invoke passed'])
  })

  it('asks invoke_hook for the hook, by the plugin’s name', async () => {
    const asked: JsonObject[] = []
    const { options } = plugin('deny-list', PASS)
    const ask = async (tool: string, args: JsonObject) => {
      asked.push({ tool, ...args })
      return toolResult({ result: {} })
    }
    await invoke(chainOf([{ options, ask }]).chain)
    const global_context = { request_id: 'r-1', server_id: 'weather', state: {} }
    expect(asked).toEqual([
      {
        tool: 'invoke_hook',
        hook_type: 'tool_pre_invoke',
        plugin_name: 'deny-list',
        payload: PAYLOAD,
        context: { state: {}, global_context, metadata: {} },
      },
    ])
  })

  it('tells how long each took', async () => {
    const clock = manualClock()
    const slow: Answer = () => {
      clock.advance(70)
      return {}
    }
    const { chain, durationsMs } = chainOf([plugin('slow', slow)], clock)
    await invoke(chain)
    expect(durationsMs).toEqual([70])
  })
})

describe('a violation', () => {
  const violation = { reason: 'not nice', description: 'says a bad word', code: 'BAD_WORD' }

  it.each(['enforce', 'enforce_ignore_error'] as const)(
    'refuses the call in mode %s',
    async (mode) => {
      const last = plugin('last', PASS)
      const { chain, outcomes } = chainOf([plugin('words', deny(violation), { mode }), last])
      const error = await rejection(invoke(chain))
      expect(error.code).toBe('GW_PLUGIN_DENIED')
      expect(error.message).toBe('refused by the plugin "words": says a bad word (BAD_WORD)')
      expect(last.asked).toHaveLength(0)
      expect(outcomes).toEqual(['words tool_pre_invoke denied'])
    },
  )

  it('is logged and counted, and no more, in mode permissive', async () => {
    const words = plugin('words', deny(violation), { mode: 'permissive' })
    const last = plugin('last', PASS)
    const { chain, outcomes, warnings } = chainOf([words, last])
    expect(await invoke(chain)).toBe(PAYLOAD)
    expect(last.asked).toHaveLength(1)
    expect(outcomes[0]).toBe('words tool_pre_invoke denied')
    expect(warnings.map(({ error }) => error.message)).toEqual([
      'refused by the plugin "words": says a bad word (BAD_WORD)',
    ])
  })

  it('counts for more than a changed payload', async () => {
    const both: Answer = () => ({ continue_processing: false, modified_payload: PAYLOAD })
    const error = await rejection(invoke(chainOf([plugin('both', both)]).chain))
    expect(error.message).toBe('refused by the plugin "both"')
  })
})

describe('a change', () => {
  it('is not made in mode permissive', async () => {
    const { chain, outcomes } = chainOf([plugin('a', appendArg('a'), { mode: 'permissive' })])
    expect(await invoke(chain)).toBe(PAYLOAD)
    expect(outcomes).toEqual(['a tool_pre_invoke changed'])
  })
})

describe('a failure', () => {
  it('refuses the call in mode enforce, and says to the client only which plugin it was', async () => {
    const { chain, outcomes, warnings } = chainOf([plugin('guard', broken)])
    const error = await rejection(invoke(chain))
    expect(error.code).toBe('GW_PLUGIN_FAILED')
    expect(error.message).toBe('the plugin "guard" failed at tool_pre_invoke')
    expect(causesOf(error)).toContain('no route to https://plugin.internal/mcp')
    expect(outcomes).toEqual(['guard tool_pre_invoke failed'])
    expect(warnings).toEqual([])
  })

  it.each(['enforce_ignore_error', 'permissive'] as const)(
    'lets the call pass as it is in mode %s, and is logged',
    async (mode) => {
      const last = plugin('last', PASS)
      const { chain, outcomes, warnings } = chainOf([plugin('guard', broken, { mode }), last])
      expect(await invoke(chain)).toBe(PAYLOAD)
      expect(last.asked).toHaveLength(1)
      expect(outcomes[0]).toBe('guard tool_pre_invoke failed')
      expect(warnings.map(({ error }) => error.code)).toEqual(['GW_PLUGIN_FAILED'])
      expect(warnings[0]?.line).toContain(mode)
    },
  )

  it('is what a fault in whatever asks comes to', async () => {
    const fault: Answer = () => {
      throw new TypeError('oops')
    }
    const error = await rejection(invoke(chainOf([plugin('guard', fault)]).chain))
    expect(error.code).toBe('GW_PLUGIN_FAILED')
  })

  it('is what a changed payload of another shape comes to', async () => {
    const { chain } = chainOf([
      plugin(
        'guard',
        change(() => ({ name: 7 })),
      ),
    ])
    const error = await rejection(invoke(chain))
    expect(error.code).toBe('GW_PLUGIN_FAILED')
    expect(causesOf(error)).toContain('modified_payload.name: expected a text')
  })
})

describe('a timeout', () => {
  const silent: Answer = () => new Promise(() => undefined)

  it('is a failure, and cancels what was asked', async () => {
    const clock = manualClock()
    const slow = plugin('slow', silent, { timeoutMs: 250 })
    const { chain, outcomes } = chainOf([slow], clock)
    const refused = rejection(invoke(chain))
    await expect.poll(() => slow.asked.length).toBe(1)
    clock.advance(249)
    expect(slow.asked[0]?.signal.aborted).toBe(false)
    clock.advance(1)
    expect(causesOf(await refused)).toContain('it did not answer within 250 ms')
    expect(slow.asked[0]?.signal.aborted).toBe(true)
    expect(outcomes).toEqual(['slow tool_pre_invoke failed'])
    expect(clock.pending).toBe(0)
  })

  it('leaves no timer and no listener behind when the answer came in time', async () => {
    const clock = manualClock()
    const { chain } = chainOf([plugin('a', PASS)], clock)
    const { signal } = new AbortController()
    await invoke(chain, PAYLOAD, signal)
    expect(clock.pending).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('a cancelled call', () => {
  it('cancels what is being asked, asks no other plugin, and counts as nothing', async () => {
    const clock = manualClock()
    const gone = new AbortController()
    const first = plugin('first', () => new Promise(() => undefined), { mode: 'permissive' })
    const second = plugin('second', PASS)
    const { chain, outcomes, warnings } = chainOf([first, second], clock)
    const refused = rejection(invoke(chain, PAYLOAD, gone.signal))
    await expect.poll(() => first.asked.length).toBe(1)
    gone.abort()
    expect((await refused).code).toBe('GW_CLIENT_GONE')
    expect(first.asked[0]?.signal.aborted).toBe(true)
    expect(second.asked).toHaveLength(0)
    expect([...outcomes, ...warnings]).toEqual([])
    expect(clock.pending).toBe(0)
  })

  it('asks nobody when it is cancelled already', async () => {
    const first = plugin('first', PASS)
    const error = await rejection(invoke(chainOf([first]).chain, PAYLOAD, AbortSignal.abort()))
    expect(error.code).toBe('GW_CLIENT_GONE')
    expect(first.asked).toHaveLength(0)
  })
})

describe('a context', () => {
  it('goes from one hook of a call to the next of the same plugin, without what the call is', async () => {
    const contexts: unknown[] = []
    const { options } = plugin('notes', PASS)
    const ask = async (_tool: string, args: JsonObject) => {
      contexts.push(args['context'])
      const global_context = { request_id: 'forged', state: { shared: 2 } }
      const context = { state: { count: 1 }, global_context, metadata: { at: 'pre' } }
      return toolResult({ plugin_name: 'notes', result: {}, context })
    }
    const other = plugin('other', PASS)
    const { chain } = chainOf([{ options, ask }, other])
    const call = newContext()
    await chain.run('tool_pre_invoke', PAYLOAD, call, NEVER)
    await chain.run('tool_post_invoke', { name: 'forecast', result: {} }, call, NEVER)
    const about = { request_id: 'r-1', server_id: 'weather' }
    expect(contexts).toEqual([
      { state: {}, global_context: { ...about, state: {} }, metadata: {} },
      {
        state: { count: 1 },
        global_context: { ...about, state: { shared: 2 } },
        metadata: { at: 'pre' },
      },
    ])
    expect(other.asked[1]?.context).toEqual(other.asked[0]?.context)
  })
})
