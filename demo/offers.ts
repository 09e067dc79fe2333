// What the demo's MCP server offers: four tools, a resource and a prompt, each small enough to see what the gateway does
// with it. Bringing them to the wire is left to server.ts.
import { setTimeout as delay } from 'node:timers/promises'
import { McpServer, type ServerContext } from '@modelcontextprotocol/server'
import * as z from 'zod'

const MAX_COUNT = 100
const MAX_STEP_MS = 10_000

/** A server of its own for each request of a modern client, and for each session of a legacy one. */
export function createOffers(replica: string): McpServer {
  const server = new McpServer(
    { name: 'sallyport-demo', version: '1.0.0' },
    {
      instructions:
        'A small server to try the gateway with. Call whoami to see which replica answers.',
    },
  )
  addAnswers(server, replica)
  addCountDown(server)
  addTexts(server, replica)
  return server
}

function addAnswers(server: McpServer, replica: string): void {
  server.registerTool(
    'echo',
    {
      description: 'Answers with the text it was given',
      inputSchema: z.object({ text: z.string() }),
    },
    ({ text }) => answer(text),
  )
  server.registerTool(
    'add',
    {
      description: 'Answers with the sum of two numbers',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
    },
    ({ a, b }) => answer(String(a + b)),
  )
  server.registerTool(
    'whoami',
    { description: 'Answers with the name and the process id of the replica that got the call' },
    () => answer(`${replica}, process ${process.pid}`),
  )
}

function addCountDown(server: McpServer): void {
  server.registerTool(
    'count_down',
    {
      description: 'Counts down to zero, with a progress notification at each step',
      inputSchema: z.object({
        from: z.int().min(1).max(MAX_COUNT).default(3),
        step_ms: z.int().min(0).max(MAX_STEP_MS).default(1_000),
      }),
    },
    async ({ from, step_ms: stepMs }, ctx) => {
      for (let step = 1; step <= from; step += 1) {
        await delay(stepMs, undefined, { signal: ctx.mcpReq.signal })
        await reportProgress(ctx, { progress: step, total: from, message: `${from - step} to go` })
      }
      return answer(`counted down from ${from}`)
    },
  )
}

interface Progress {
  readonly progress: number
  readonly total: number
  readonly message: string
}

/** Only who sent a token wants to hear of it (MCP 2025-11-25 basic/utilities/progress). */
async function reportProgress({ mcpReq }: ServerContext, progress: Progress): Promise<void> {
  const { _meta: meta } = mcpReq
  const progressToken = meta?.progressToken
  if (progressToken === undefined) return
  await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, ...progress } })
}

function addTexts(server: McpServer, replica: string): void {
  server.registerResource(
    'about',
    'demo://about',
    { description: 'What this server is', mimeType: 'text/plain' },
    ({ href: uri }) => ({
      contents: [
        {
          uri,
          mimeType: 'text/plain',
          text: `${replica}: one of the replicas behind the route /demo.`,
        },
      ],
    }),
  )
  server.registerPrompt(
    'tour',
    { description: 'Asks a model to try the tools of this server' },
    () => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'text',
            text: 'Call whoami four times and say which replicas answered. Then call count_down and report its progress.',
          },
        },
      ],
    }),
  )
}

function answer(text: string) {
  return { content: [{ type: 'text' as const, text }] }
}
