// Plugin servers made with the official SDKs, one of each era, which answer hooks as a function says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { onTestFinished } from 'vitest'
import * as z from 'zod'

const ARGUMENTS = {
  hook_type: z.string().optional(),
  plugin_name: z.string(),
  payload: z.record(z.string(), z.unknown()),
  context: z.record(z.string(), z.unknown()),
}

export interface HookCall {
  readonly hook_type?: string | undefined
  readonly plugin_name: string
  readonly payload: Record<string, unknown>
  readonly context: Record<string, unknown>
}

/** What the plugin makes of a hook: `result` and `context` of its answer. */
export type OnHook = (call: HookCall, signal: AbortSignal) => object | Promise<object>

export type PluginEra = 'modern' | 'legacy'

/** Starts a server with these tools, which ends with the test. */
export async function startSdkPlugin(
  era: PluginEra,
  tools: readonly string[],
  onHook: OnHook,
): Promise<{ readonly url: string }> {
  const run = async (call: HookCall, signal: AbortSignal) => {
    const answer = { plugin_name: call.plugin_name, ...(await onHook(call, signal)) }
    return { content: [{ type: 'text' as const, text: JSON.stringify(answer) }] }
  }
  const handle = era === 'modern' ? modern(tools, run) : legacy(tools, run)
  const http = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  onTestFinished(() => {
    http.close()
    http.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp` }
}

type Run = (
  call: HookCall,
  signal: AbortSignal,
) => Promise<{ content: { type: 'text'; text: string }[] }>
type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function modern(tools: readonly string[], run: Run): Handle {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'plugins', version: '1' })
      for (const tool of tools) {
        server.registerTool(tool, { inputSchema: z.object(ARGUMENTS) }, (call, ctx) =>
          run(call, ctx.mcpReq.signal),
        )
      }
      return server
    },
    { legacy: 'reject' },
  )
  onTestFinished(() => handler.close())
  const handle = toNodeHandler(handler)
  return async (request, response) => handle(request as Parameters<typeof handle>[0], response)
}

/** Without sessions, as plugin servers in the field are. */
function legacy(tools: readonly string[], run: Run): Handle {
  return async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    const server = new McpServerV1({ name: 'plugins', version: '1' })
    for (const tool of tools) {
      server.registerTool(tool, { inputSchema: ARGUMENTS }, (call, { signal }) => run(call, signal))
    }
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined } as never)
    response.on('close', () => void server.close())
    await server.connect(transport)
    await transport.handleRequest(request, response, await json(request))
  }
}
