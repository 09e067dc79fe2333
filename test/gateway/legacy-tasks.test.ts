// Tasks of protocol version 2025-11-25, as the version 1 SDK has them: on a route of one server they pass as they are. They
// belong to a session, and with it to the endpoint that holds it.
import { randomUUID } from 'node:crypto'
import { json } from 'node:stream/consumers'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { startHttpServer } from '../support/servers.ts'
import { askTask } from './task-client.ts'

/** A server with sessions whose tools run as tasks: `slow` if the client wants it, `slower` always. */
async function startTasksServer(name: string) {
  const taskStore = new InMemoryTaskStore()
  onTestFinished(() => taskStore.cleanup())
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const capabilities = {
      tools: {},
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    }
    const server = new McpServer({ name, version: '1' }, { capabilities, taskStore })
    for (const [tool, taskSupport] of [
      ['slow', 'optional'],
      ['slower', 'required'],
    ] as const) {
      server.experimental.tasks.registerToolTask(
        tool,
        { description: 'Takes its time', execution: { taskSupport } },
        {
          createTask: async ({ taskStore: store }) => {
            const task = await store.createTask({ ttl: 60_000, pollInterval: 20 })
            const content = [{ type: 'text' as const, text: `done at ${name}` }]
            setImmediate(() => void store.storeTaskResult(task.taskId, 'completed', { content }))
            return { task }
          },
          getTask: async ({ taskStore: store, taskId }) => store.getTask(taskId),
          getTaskResult: async ({ taskStore: store, taskId }) =>
            (await store.getTaskResult(taskId)) as CallToolResult,
        },
      )
    }
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    await server.connect(transport)
    return transport
  }
  return startHttpServer((request, response) => {
    const handle = async (): Promise<void> => {
      const body = request.method === 'POST' ? await json(request) : undefined
      const id = String(request.headers['mcp-session-id'] ?? '')
      const isFirst = (body as { method?: string } | undefined)?.method === 'initialize'
      const transport = isFirst ? await open() : sessions.get(id)
      if (transport !== undefined) await transport.handleRequest(request, response, body)
      else response.writeHead(id === '' ? 400 : 404).end()
    }
    handle().catch(() => response.destroy())
  })
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { tasks: {} } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  onTestFinished(() => client.close())
  return client
}

describe('tasks of a legacy session', () => {
  it('are made, asked for, listed and answered at the endpoint of the session', async () => {
    const servers = [await startTasksServer('one'), await startTasksServer('two')]
    const gateway = await startTestGateway({
      servers: { slow: servers.map(({ url }) => httpEndpoint(url)) },
    })
    const clients = [await connect(`${gateway.url}/slow`), await connect(`${gateway.url}/slow`)]
    const places = new Set<string>()
    for (const client of clients) {
      await client.listTools()
      const seen: string[] = []
      let text = ''
      let taskId = ''
      const stream = client.experimental.tasks.callToolStream({ name: 'slower', arguments: {} })
      for await (const message of stream) {
        seen.push(message.type)
        if (message.type === 'taskCreated') taskId = message.task.taskId
        if (message.type === 'result')
          text = (message.result as { content: { text: string }[] }).content[0]?.text ?? ''
      }
      expect(seen[0]).toBe('taskCreated')
      expect(seen.at(-1)).toBe('result')
      places.add(text)
      const { tasks } = client.experimental
      expect(await tasks.getTask(taskId)).toMatchObject({ taskId, status: 'completed' })
      expect((await tasks.listTasks()).tasks.map((it) => it.taskId)).toEqual([taskId])
    }
    // Round robin gave each client an endpoint of its own.
    expect([...places].toSorted()).toEqual(['done at one', 'done at two'])
  })
})

describe('a modern client', () => {
  it('calls tools that may run as tasks; of one that must, it hears that it must', async () => {
    const server = await startTasksServer('one')
    const gateway = await startTestGateway({ servers: { slow: [httpEndpoint(server.url)] } })
    const url = `${gateway.url}/slow`
    const listed = (await askTask(url, 'tools/list', {})).result as { tools: object[] }
    for (const tool of listed.tools) expect(tool).not.toHaveProperty('execution')
    const slow = await askTask(url, 'tools/call', { name: 'slow', arguments: {} })
    expect(slow.result).toMatchObject({
      resultType: 'complete',
      content: [{ text: 'done at one' }],
    })
    const slower = await askTask(url, 'tools/call', { name: 'slower', arguments: {} })
    expect(JSON.stringify(slower)).toMatch(/requires task augmentation/)
  })
})
