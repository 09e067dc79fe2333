import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/core/index.ts'
import type { AskPlugin } from '../../src/plugins/index.ts'
import type { JsonObject } from '../../src/wire/index.ts'
import { causesOf, chainOf, newContext, optionsOf, rejection, toolResult } from './chain-of.ts'

const NEVER = new AbortController().signal
const PAYLOAD = { name: 'forecast', args: {} }

/** How servers in the field say that they have no such tool. */
const UNKNOWN: readonly [who: string, say: (tool: string) => JsonObject | GatewayError][] = [
  ['a JSON-RPC error', (tool) => rpcError(`-32602: Tool ${tool} not found`)],
  ['a JSON-RPC error without a reason', () => rpcError('-32601: Method not found')],
  ['FastMCP', (tool) => failedTool(`Unknown tool: ${tool}`)],
  ['the TypeScript SDK', (tool) => failedTool(`MCP error -32602: Tool ${tool} not found`)],
]

function rpcError(message: string): GatewayError {
  return new GatewayError('GW_PLUGIN_FAILED', message)
}

function failedTool(text: string): JsonObject {
  return { content: [{ type: 'text', text }], isError: true }
}

function serverWith(tools: Set<string>, say: (tool: string) => JsonObject | GatewayError) {
  const asked: string[] = []
  const ask: AskPlugin = async (tool) => {
    asked.push(tool)
    if (tools.has(tool)) return toolResult({ result: {} })
    const said = say(tool)
    if (said instanceof GatewayError) throw said
    return said
  }
  const { chain } = chainOf([{ options: optionsOf('old'), ask }])
  const run = () => chain.run('tool_pre_invoke', PAYLOAD, newContext(), NEVER)
  return { asked, run }
}

describe('a server with a tool for each hook', () => {
  it.each(UNKNOWN)('is asked that when it says by %s that it has no other', async (_, say) => {
    const { asked, run } = serverWith(new Set(['tool_pre_invoke']), say)
    expect(await run()).toBe(PAYLOAD)
    expect(asked).toEqual(['invoke_hook', 'tool_pre_invoke'])
    await run()
    expect(asked).toEqual(['invoke_hook', 'tool_pre_invoke', 'tool_pre_invoke'])
  })

  it('is given the same arguments, but for the hook, which the name says', async () => {
    const seen: JsonObject[] = []
    const ask: AskPlugin = async (tool, args) => {
      if (tool === 'invoke_hook') throw rpcError('-32602: Unknown tool')
      seen.push(args)
      return toolResult({ result: {} })
    }
    const { chain } = chainOf([{ options: optionsOf('old'), ask }])
    await chain.run('tool_pre_invoke', PAYLOAD, newContext(), NEVER)
    const [{ plugin_name: name, payload, ...rest } = {}] = seen
    expect({ name, payload }).toEqual({ name: 'old', payload: PAYLOAD })
    expect(Object.keys(rest)).toEqual(['context'])
  })

  it('is asked invoke_hook again once it has that instead', async () => {
    const tools = new Set(['tool_pre_invoke'])
    const { asked, run } = serverWith(tools, (tool) => failedTool(`Unknown tool: ${tool}`))
    await run()
    tools.clear()
    tools.add('invoke_hook')
    await run()
    await run()
    expect(asked.slice(2)).toEqual(['tool_pre_invoke', 'invoke_hook', 'invoke_hook'])
  })
})

describe('a server with neither', () => {
  it('has failed with what it said first, and is asked both the next time', async () => {
    const { asked, run } = serverWith(new Set(), (tool) => failedTool(`Unknown tool: ${tool}`))
    expect(causesOf(await rejection(run()))).toContain('its tool failed: Unknown tool: invoke_hook')
    await rejection(run())
    expect(asked).toEqual(['invoke_hook', 'tool_pre_invoke', 'invoke_hook', 'tool_pre_invoke'])
  })
})

describe('any other failure', () => {
  it.each([
    ['of the tool', failedTool('the database is away')],
    ['of the server', rpcError('-32603: Internal error')],
    ['of the way to it', new GatewayError('GW_UPSTREAM_UNREACHABLE', 'tool not found')],
  ])('%s is not taken for a missing tool', async (_, said) => {
    const { asked, run } = serverWith(new Set(), () => said)
    expect((await rejection(run())).code).toBe('GW_PLUGIN_FAILED')
    expect(asked).toEqual(['invoke_hook'])
  })
})
