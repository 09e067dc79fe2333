// Plugins that are servers of the official SDKs, through a whole gateway, with the official client in front and a real server
// behind, in every mixture of eras.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { HookName, PluginOptions } from '../../../src/plugins/index.ts'
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import { optionsOf } from '../../plugins/chain-of.ts'
import { httpEndpoint, startTestGateway } from '../../support/gateway.ts'
import { startSdkPlugin, type HookCall, type OnHook, type PluginEra } from './sdk-plugins.ts'

interface Setup {
  readonly era: PluginEra
  readonly tools?: readonly string[]
  readonly client?: 'legacy' | 'auto'
  readonly options?: Partial<PluginOptions>
}

async function start(onHook: OnHook, { era, tools = ['invoke_hook'], client, options }: Setup) {
  const calls: HookCall[] = []
  const plugin = await startSdkPlugin(era, tools, (call, signal) => {
    calls.push(call)
    return onHook(call, signal)
  })
  const server = await startEverythingServer()
  onTestFinished(() => server.close())
  const gateway = await startTestGateway({
    servers: { weather: [httpEndpoint(server.url)] },
    plugins: [optionsOf('guard', { endpoint: httpEndpoint(plugin.url), ...options })],
  })
  const versionNegotiation = { mode: client ?? 'auto' }
  const capabilities = { elicitation: { form: {} } }
  const mcp = new Client({ name: 'test', version: '1' }, { versionNegotiation, capabilities })
  onTestFinished(() => mcp.close())
  await mcp.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/weather`)))
  return { client: mcp, calls, server, gateway }
}

const pass: OnHook = () => ({ result: { continue_processing: true } })

async function echo(client: Client, text: string): Promise<unknown> {
  const { content } = await client.callTool({ name: 'echo', arguments: { text } })
  return content
}

const MIXTURES = [
  { era: 'modern', client: 'auto' },
  { era: 'modern', client: 'legacy' },
  { era: 'legacy', client: 'auto' },
  { era: 'legacy', client: 'legacy' },
] as const

describe.each(MIXTURES)('a $era plugin server and a client in mode $client', (setup) => {
  it('may change arguments and results, and keeps its context in between', async () => {
    const onHook: OnHook = ({ hook_type: hook, payload, context }) => {
      if (hook === 'tool_pre_invoke') {
        const modified = { ...payload, args: { text: 'changed' } }
        return { result: { modified_payload: modified }, context: { ...context, state: { n: 7 } } }
      }
      const text = `after ${JSON.stringify(context['state'])}`
      return {
        result: { modified_payload: { ...payload, result: { content: [{ type: 'text', text }] } } },
      }
    }
    const { client, calls } = await start(onHook, setup)
    expect(await echo(client, 'said')).toEqual([{ type: 'text', text: 'after {"n":7}' }])
    expect(calls.map((it) => [it.hook_type, it.plugin_name])).toEqual([
      ['tool_pre_invoke', 'guard'],
      ['tool_post_invoke', 'guard'],
    ])
    expect(JSON.stringify(calls[1]?.payload)).toContain('changed')
    expect(JSON.stringify(calls[1]?.payload)).not.toContain('said')
  })

  it('is asked about prompts and resources too', async () => {
    const { client, calls } = await start(pass, setup)
    await client.getPrompt({ name: 'test_simple_prompt' })
    const { resources } = await client.listResources()
    const uri = resources[0]?.uri ?? ''
    const { contents } = await client.readResource({ uri })
    expect(contents[0]?.uri).toBe(uri)
    expect(calls.map((it) => it.hook_type)).toEqual([
      'prompt_pre_fetch',
      'prompt_post_fetch',
      'resource_pre_fetch',
      'resource_post_fetch',
    ])
  })

  it('may refuse, in its own words', async () => {
    const violation = { reason: 'policy', description: 'not on a Sunday', code: 'SUNDAY' }
    const { client } = await start(
      () => ({ result: { continue_processing: false, violation } }),
      setup,
    )
    await expect(echo(client, 'hi')).rejects.toThrow(
      'refused by the plugin \\"guard\\": not on a Sunday (SUNDAY)',
    )
  })

  it('with a tool for each hook is asked by them', async () => {
    const tools: HookName[] = ['tool_pre_invoke', 'tool_post_invoke']
    const { client, calls } = await start(pass, { ...setup, tools })
    expect(await echo(client, 'hi')).toEqual([{ type: 'text', text: 'hi' }])
    expect(await echo(client, 'ho')).toEqual([{ type: 'text', text: 'ho' }])
    expect(calls).toHaveLength(4)
  })

  it('that throws has failed', async () => {
    const onHook: OnHook = () => {
      throw new Error('secret of the plugin')
    }
    const { client } = await start(onHook, setup)
    const refused = await echo(client, 'hi').catch(String)
    expect(refused).toContain('GW_PLUGIN_FAILED')
    expect(refused).not.toContain('secret')
  })
})

describe('a client that gives up', () => {
  it.each(['modern', 'legacy'] as const)('cancels the call of a %s plugin server', async (era) => {
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<AbortSignal>()
    const onHook: OnHook = async (_, signal) => {
      onAsked(signal)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { result: {} }
    }
    const { client } = await start(onHook, { era })
    const gone = new AbortController()
    const call = { name: 'echo', arguments: { text: 'hi' } }
    const refused = client.callTool(call, { signal: gone.signal }).catch(String)
    const signal = await asked
    gone.abort()
    await refused
    await expect.poll(() => signal.aborted).toBe(true)
  })
})

describe('a plugin server that is too slow', () => {
  it('has failed, and its call is cancelled', async () => {
    const signals: AbortSignal[] = []
    const onHook: OnHook = async (_, signal) => {
      signals.push(signal)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { result: {} }
    }
    const { client } = await start(onHook, { era: 'modern', options: { timeoutMs: 150 } })
    expect(await echo(client, 'hi').catch(String)).toContain('GW_PLUGIN_FAILED')
    await expect.poll(() => signals[0]?.aborted).toBe(true)
  })
})

describe('a tool that asks its client something', () => {
  it.each(['auto', 'legacy'] as const)(
    'goes through the hook before it in every round, and after it once, for a client in mode %s',
    async (mode) => {
      const { client, calls } = await start(pass, { era: 'modern', client: mode })
      client.setRequestHandler('elicitation/create', () => ({
        action: 'accept',
        content: { name: 'Ada' },
      }))
      const { content } = await client.callTool({ name: 'test_input_required_result_elicitation' })
      expect(content).toEqual([{ type: 'text', text: 'Hello, Ada!' }])
      expect(calls.map((it) => it.hook_type)).toEqual([
        'tool_pre_invoke',
        'tool_pre_invoke',
        'tool_post_invoke',
      ])
      expect(JSON.stringify(calls.slice(0, 2))).not.toContain('Ada')
    },
  )
})
