import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/core/index.ts'
import { HOOK_NAMES, type HookName, type PluginOptions } from '../../src/plugins/index.ts'
import type { JsonObject } from '../../src/wire/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { causesOf, chainOf, newContext, optionsOf, rejection, toolResult } from './chain-of.ts'

const PAYLOAD = { name: 'forecast', args: {} }
const NEVER = new AbortController().signal

type Config = () => JsonObject | Promise<JsonObject>

/** A config of the form that servers give them. */
const naming = (hooks: unknown): JsonObject =>
  toolResult({ name: 'guard', kind: 'guard.Guard', hooks, mode: 'disabled', priority: 1 })

/** A plugin whose hooks are not written, and everything that it is asked: `get_plugin_config`, and hooks by name. */
function guardWith(config: Config, options: Partial<PluginOptions> = {}) {
  const asked: string[] = []
  const questions: { readonly args: JsonObject; readonly signal: AbortSignal }[] = []
  const control = {
    config,
    hook: (): JsonObject | Promise<JsonObject> => toolResult({ result: {} }),
  }
  const ask = async (tool: string, args: JsonObject, signal: AbortSignal) => {
    asked.push(tool === 'invoke_hook' ? String(args['hook_type']) : tool)
    if (tool !== 'get_plugin_config') return control.hook()
    questions.push({ args, signal })
    return control.config()
  }
  const clock = manualClock()
  const plugin = { options: optionsOf('guard', { hooks: undefined, ...options }), ask }
  const its = chainOf([plugin], clock)
  const run = (hook: HookName = 'tool_pre_invoke', signal = NEVER) =>
    its.chain.run(hook, PAYLOAD, newContext(), signal)
  return { ...its, run, asked, questions, control, clock }
}

/** Says its hooks when told to. */
function slowConfig() {
  const answers: ((result: JsonObject) => void)[] = []
  const config: Config = () => new Promise((resolve) => void answers.push(resolve))
  return { config, answers }
}

const rpcError = (message: string): Config => {
  return () => {
    throw new GatewayError('GW_PLUGIN_FAILED', message)
  }
}

describe('a plugin whose hooks are not written', () => {
  it('is asked for them by its name, once, before its first hook', async () => {
    const { run, asked, questions } = guardWith(() => naming(['tool_pre_invoke']))
    expect(await run()).toBe(PAYLOAD)
    expect(asked).toEqual(['get_plugin_config', 'tool_pre_invoke'])
    expect(questions[0]?.args).toEqual({ name: 'guard' })
    await run()
    expect(asked).toEqual(['get_plugin_config', 'tool_pre_invoke', 'tool_pre_invoke'])
  })

  it('is not asked at hooks that it does not name', async () => {
    const { run, asked, outcomes } = guardWith(() => naming(['prompt_pre_fetch']))
    expect(await run()).toBe(PAYLOAD)
    expect(asked).toEqual(['get_plugin_config'])
    expect(outcomes).toEqual([])
    await run('prompt_pre_fetch')
    expect(outcomes).toEqual(['guard prompt_pre_fetch passed'])
  })

  it('may have every hook until it has said which', async () => {
    const { chain, run } = guardWith(() => naming(['prompt_pre_fetch', 'tool_post_invoke']))
    const its = () => HOOK_NAMES.filter((hook) => chain.has(hook))
    expect(its()).toEqual(HOOK_NAMES)
    await run()
    expect(its()).toEqual(['prompt_pre_fetch', 'tool_post_invoke'])
    expect(HOOK_NAMES.filter((hook) => chain.couldHave(hook))).toEqual(HOOK_NAMES)
  })

  it('is asked once by calls at the same time, and none passes before it has answered', async () => {
    const { config, answers } = slowConfig()
    const { run, asked } = guardWith(config)
    const passed: number[] = []
    const calls = Array.from({ length: 20 }, async (_, at) => {
      await run(at % 2 === 0 ? 'tool_pre_invoke' : 'prompt_pre_fetch')
      passed.push(at)
    })
    await new Promise(setImmediate)
    expect(asked).toEqual(['get_plugin_config'])
    expect(passed).toEqual([])
    answers[0]?.(naming(['tool_pre_invoke']))
    await Promise.all(calls)
    expect(asked.slice(1)).toEqual(Array.from({ length: 10 }, () => 'tool_pre_invoke'))
  })

  it.each<[string, JsonObject]>([
    ['structured content', { structuredContent: { hooks: ['tool_pre_invoke'] }, content: [] }],
    [
      'structured content, wrapped',
      { structuredContent: { result: { hooks: ['tool_pre_invoke'] } }, content: [] },
    ],
    [
      'the first text',
      {
        content: [
          { type: 'image', data: '', mimeType: 'image/png' },
          { type: 'text', text: '{"hooks":["tool_pre_invoke"]}' },
          { type: 'text', text: '{"hooks":["prompt_pre_fetch"]}' },
        ],
      },
    ],
  ])('may say them in %s', async (_, result) => {
    const { chain, run } = guardWith(() => result)
    await run()
    expect(HOOK_NAMES.filter((hook) => chain.has(hook))).toEqual(['tool_pre_invoke'])
  })

  it('may name hooks that are not known here, which the log says once', async () => {
    const others = ['agent_pre_invoke', 'http_auth\nresolve']
    const { run, asked, control, warnings } = guardWith(() =>
      naming([...others, 'tool_pre_invoke']),
    )
    await run()
    expect(asked).toEqual(['get_plugin_config', 'tool_pre_invoke'])
    const line =
      'the plugin "guard" has hooks that are not known here: agent_pre_invoke, http_auth resolve'
    expect(warnings.map((it) => it.line)).toEqual([line])
    const { hook } = control
    control.hook = () => ({})
    await rejection(run())
    control.hook = hook
    await run()
    expect(asked.filter((it) => it === 'get_plugin_config')).toHaveLength(2)
    expect(warnings).toHaveLength(1)
  })
})

describe('a plugin that does not say its hooks', () => {
  const answers: readonly [string, Config, why: string][] = [
    ['an empty config', () => toolResult({}), 'it has no config for a plugin of this name'],
    [
      'no config, wrapped',
      () => ({ structuredContent: { result: null }, content: [] }),
      'it has no config for a plugin of this name',
    ],
    [
      'an empty config, wrapped',
      () => ({ structuredContent: { result: {} }, content: [] }),
      'it has no config for a plugin of this name',
    ],
    ['nothing', () => ({ content: [] }), 'expected structured content or a text, got neither'],
    [
      'no JSON',
      () => ({ content: [{ type: 'text', text: 'None' }] }),
      'expected a text that is a JSON object',
    ],
    ['no hooks', () => toolResult({ name: 'guard' }), 'expected hooks to be a list of names'],
    ['hooks that are none', () => naming(null), 'expected hooks to be a list of names'],
    [
      'hooks without names',
      () => naming(['tool_pre_invoke', 1]),
      'expected hooks to be a list of names',
    ],
    ['an empty list', () => naming([]), 'its config names no hook'],
    [
      'unknown hooks alone',
      () => naming(['tool_invoke']),
      'none of its hooks is known here: tool_invoke',
    ],
    [
      'a tool that failed',
      () => ({ isError: true, ...naming(['tool_pre_invoke']) }),
      'its tool failed: {"name":"guard"',
    ],
    ['an error', rpcError('-32602: Unknown tool'), '-32602: Unknown tool'],
  ]

  it.each(answers)('but %s fails the call, and is asked again with the next', async (...row) => {
    const [, config, why] = row
    const { chain, run, asked, outcomes, control } = guardWith(config)
    const error = await rejection(run())
    expect([error.code, error.message]).toEqual([
      'GW_PLUGIN_FAILED',
      'the plugin "guard" failed at tool_pre_invoke',
    ])
    expect(causesOf(error)[1]).toBe('it did not say its hooks, which are not written either')
    expect(causesOf(error)[2]).toContain(why)
    expect(outcomes).toEqual(['guard tool_pre_invoke failed'])
    expect(HOOK_NAMES.every((hook) => chain.has(hook))).toBe(true)
    control.config = () => naming(['tool_pre_invoke'])
    await run()
    expect(asked).toEqual(['get_plugin_config', 'get_plugin_config', 'tool_pre_invoke'])
  })

  it('fails every call that waited for it', async () => {
    const { config, answers: held } = slowConfig()
    const { run } = guardWith(config)
    const calls = [run(), run(), run('prompt_post_fetch')].map(rejection)
    held[0]?.(naming([]))
    const codes = (await Promise.all(calls)).map(({ code }) => code)
    expect(codes).toEqual(['GW_PLUGIN_FAILED', 'GW_PLUGIN_FAILED', 'GW_PLUGIN_FAILED'])
    expect(held).toHaveLength(1)
  })

  it.each(['enforce_ignore_error', 'permissive'] as const)(
    'lets the call pass in mode %s, which is logged',
    async (mode) => {
      const { run, warnings, outcomes } = guardWith(() => naming([]), { mode })
      expect(await run()).toBe(PAYLOAD)
      expect(outcomes).toEqual(['guard tool_pre_invoke failed'])
      expect(warnings.map(({ line }) => line)).toEqual([
        `a call passes without a plugin: its mode is ${mode}`,
      ])
    },
  )

  it('has failed after its timeout, and is not waited for', async () => {
    const { config } = slowConfig()
    const { run, clock, questions } = guardWith(config, { timeoutMs: 300 })
    const failed = rejection(run())
    clock.advance(299)
    expect(questions[0]?.signal.aborted).toBe(false)
    clock.advance(1)
    expect(causesOf(await failed)).toContain('it did not answer within 300 ms')
    expect(questions[0]?.signal.aborted).toBe(true)
    expect(clock.pending).toBe(0)
  })
})

describe('a call that is cancelled while hooks are asked for', () => {
  it('ends at once, and leaves the others waiting', async () => {
    const { config, answers } = slowConfig()
    const { run, asked, outcomes, questions } = guardWith(config)
    const gone = new AbortController()
    const [left, stays] = [rejection(run('tool_pre_invoke', gone.signal)), run()]
    gone.abort()
    expect((await left).code).toBe('GW_CLIENT_GONE')
    expect(questions[0]?.signal.aborted).toBe(false)
    answers[0]?.(naming(['tool_pre_invoke']))
    await stays
    expect(asked).toEqual(['get_plugin_config', 'tool_pre_invoke'])
    expect(outcomes).toEqual(['guard tool_pre_invoke passed'])
  })

  it('cancels the question when nobody else waits, whose answer counts no more', async () => {
    const { config, answers } = slowConfig()
    const { run, chain, questions, clock } = guardWith(config)
    const gone = new AbortController()
    const left = rejection(run('tool_pre_invoke', gone.signal))
    gone.abort()
    expect((await left).code).toBe('GW_CLIENT_GONE')
    expect(questions[0]?.signal.aborted).toBe(true)
    expect(clock.pending).toBe(0)
    const next = run('prompt_pre_fetch')
    answers[0]?.(naming(['tool_pre_invoke']))
    await new Promise(setImmediate)
    expect(chain.has('resource_pre_fetch')).toBe(true)
    answers[1]?.(naming(['prompt_pre_fetch']))
    await next
    expect(HOOK_NAMES.filter((hook) => chain.has(hook))).toEqual(['prompt_pre_fetch'])
  })

  it('asks nothing when it was cancelled before', async () => {
    const { run, asked } = guardWith(() => naming(['tool_pre_invoke']))
    expect((await rejection(run('tool_pre_invoke', AbortSignal.abort()))).code).toBe(
      'GW_CLIENT_GONE',
    )
    expect(asked).toEqual([])
  })
})

describe('hooks that were learned', () => {
  it('are asked for again after the plugin failed at one', async () => {
    const { run, chain, asked, control } = guardWith(() => naming(['tool_pre_invoke']))
    await run()
    const { hook } = control
    control.hook = () => ({ content: [] })
    await rejection(run())
    expect(chain.has('prompt_pre_fetch')).toBe(true)
    control.hook = hook
    control.config = () => naming(['prompt_pre_fetch'])
    await run()
    await run('prompt_pre_fetch')
    const later = asked.slice(2)
    expect(later).toEqual(['tool_pre_invoke', 'get_plugin_config', 'prompt_pre_fetch'])
  })

  it('are kept when it refuses a call', async () => {
    const { run, chain, control } = guardWith(() => naming(['tool_pre_invoke']))
    control.hook = () => toolResult({ result: { continue_processing: false } })
    expect((await rejection(run())).code).toBe('GW_PLUGIN_DENIED')
    expect(chain.has('prompt_pre_fetch')).toBe(false)
  })

  it('are asked for again after a minute', async () => {
    const { run, chain, asked, control, clock } = guardWith(() => naming(['tool_pre_invoke']))
    await run()
    clock.advance(59_999)
    expect(chain.has('prompt_pre_fetch')).toBe(false)
    control.config = () => naming(['prompt_pre_fetch'])
    clock.advance(1)
    expect(chain.has('prompt_pre_fetch')).toBe(true)
    await run('prompt_pre_fetch')
    expect(asked.slice(2)).toEqual(['get_plugin_config', 'prompt_pre_fetch'])
  })
})

describe('hooks that are written', () => {
  it('are not asked for', async () => {
    const { run, chain, asked, control, clock } = guardWith(() => naming(HOOK_NAMES), {
      hooks: ['tool_pre_invoke'],
    })
    await run()
    control.hook = () => ({})
    await rejection(run())
    clock.advance(600_000)
    await rejection(run())
    await run('prompt_pre_fetch')
    expect(new Set(asked)).toEqual(new Set(['tool_pre_invoke']))
    expect(chain.has('prompt_pre_fetch')).toBe(false)
    expect(chain.couldHave('prompt_pre_fetch')).toBe(false)
  })
})
