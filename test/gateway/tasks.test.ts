// Tasks of the modern era: on a route of one server they pass as they are, and what is about a task goes to the endpoint that
// has it, whichever turn it is. Between the eras they do not pass, and whoever asks is told why.
import { describe, expect, it, onTestFinished } from 'vitest'
import { startSdkV1Server } from '../fixtures/sdk-v1-http/server.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { legacyMessage, openSession } from '../support/mcp-messages.ts'
import { askTask, taskRequest } from './task-client.ts'
import { startTaskServer } from './task-server.ts'

/** Two replicas whose tasks have the same ids. */
async function startReplicas(tools?: { deny: readonly string[] }) {
  const replicas = [await startTaskServer('one'), await startTaskServer('two')]
  const gateway = await startTestGateway({
    servers: { slow: replicas.map(({ url }) => httpEndpoint(url)) },
    ...(tools && { tools: { slow: tools } }),
  })
  return { replicas, gateway, url: `${gateway.url}/slow` }
}

const textOf = (result: unknown): unknown =>
  (result as { content?: { text: string }[] } | undefined)?.content?.[0]?.text

const seenBy = (replicas: readonly { readonly seen: readonly string[] }[]) =>
  replicas.map(({ seen }) => seen.filter((it) => it.startsWith('tasks/')))

// The second kind of route takes the working lane: what is remembered is the same.
describe.each([
  ['as it is', undefined],
  ['with a rule for its tools', { deny: ['secret'] }],
])('a server with two endpoints, %s', (_, tools) => {
  it.each(['json', 'events'] as const)(
    'gets what is about a task where the task is (answers as %s)',
    async (as) => {
      const { url, replicas } = await startReplicas(tools)
      // Each has one task, and both are called the same; the second call is remembered.
      const first = await askTask(url, 'tools/call', { name: 'slow', arguments: { as } })
      expect(first.result).toMatchObject({ resultType: 'task', taskId: 'task-1' })
      const taskId = 'task-1'
      const holder = replicas.findIndex(({ seen }) => seen.includes('tools/call'))
      for (let turn = 0; turn < 3; turn++) {
        const got = await askTask(url, 'tasks/get', { taskId })
        expect(got.result).toMatchObject({ resultType: 'complete', taskId, status: 'working' })
        // Other calls turn the round robin.
        await askTask(url, 'tools/list', {})
      }
      await askTask(url, 'tasks/update', { taskId, inputResponses: {} })
      expect((await askTask(url, 'tasks/cancel', { taskId })).result).toMatchObject({ taskId })
      const seen = seenBy(replicas)
      expect(seen[holder]).toEqual([
        'tasks/get task-1',
        'tasks/get task-1',
        'tasks/get task-1',
        'tasks/update task-1',
        'tasks/cancel task-1',
      ])
      expect(seen[1 - holder]).toEqual([])
    },
  )

  it('gets a retry with what it asked for where it was asked', async () => {
    const { url } = await startReplicas(tools)
    for (let turn = 0; turn < 3; turn++) {
      const first = await askTask(url, 'tools/call', { name: 'ask' })
      const { requestState } = first.result as { requestState: string }
      const name = requestState.replace('state of ', '')
      for (let other = 0; other < turn; other++) await askTask(url, 'tools/list', {})
      const inputResponses = { who: { action: 'accept' } }
      const retry = await askTask(url, 'tools/call', { name: 'ask', inputResponses, requestState })
      expect(textOf(retry.result)).toBe(`${name} heard {"who":{"action":"accept"}}`)
    }
  })
})

describe('what is about a task', () => {
  it('goes on to another endpoint once that of the task is gone, and gets its answer', async () => {
    const { url, replicas } = await startReplicas()
    await askTask(url, 'tools/call', { name: 'slow' })
    const holder = replicas.findIndex(({ seen }) => seen.includes('tools/call'))
    await replicas[holder]?.kill()
    await expect
      .poll(async () => (await askTask(url, 'tasks/get', { taskId: 'task-1' })).error)
      .toMatchObject({ code: -32_602, message: 'no task task-1' })
  })

  it('is heard of by a subscription, at the endpoint that has it', async () => {
    const { url, replicas } = await startReplicas()
    for (let turn = 0; turn < 2; turn++) {
      await askTask(url, 'tools/list', {})
      await askTask(url, 'tools/call', { name: 'slow' })
    }
    const holder = replicas.find(({ seen }) => seen.includes('tools/call'))
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const { body } = await fetch(url, {
      ...taskRequest('subscriptions/listen', { notifications: { taskIds: ['task-2'] } }),
      signal: stop.signal,
    })
    const heard = (body as ReadableStream<Uint8Array>).getReader()
    const next = async () => Buffer.from((await heard.read()).value ?? []).toString()
    expect(await next()).toContain('"taskIds":["task-2"]')
    holder?.finish('task-2')
    expect(await next()).toMatch(/notifications\/tasks.*"status":"completed"/)
  })

  it('reaches the one endpoint there is, whether or not it has been seen before', async () => {
    const server = await startTaskServer('one')
    const gateway = await startTestGateway({ servers: { slow: [httpEndpoint(server.url)] } })
    const url = `${gateway.url}/slow`
    const { result } = await askTask(url, 'tools/call', { name: 'slow' })
    expect(result).toMatchObject({ resultType: 'task', ttlMs: null, pollIntervalMs: 10 })
    expect((await askTask(url, 'tasks/get', { taskId: 'task-1' })).result).toMatchObject({
      result: { content: [{ text: 'of one' }] },
    })
  })

  it('is found although the answer that made it was long', async () => {
    const { url, replicas } = await startReplicas()
    const padded = { name: 'slow', arguments: { padding: 200_000 } }
    expect((await askTask(url, 'tools/call', padded)).result).toMatchObject({ taskId: 'task-1' })
    await askTask(url, 'tools/list', {})
    await askTask(url, 'tasks/get', { taskId: 'task-1' })
    expect(seenBy(replicas).map(({ length }) => length)).toEqual([1, 0])
  })
})

describe('between the eras', () => {
  it('a modern client gets plain results from a legacy server, and is told why it has no tasks', async () => {
    const server = await startSdkV1Server({ sessions: 'stateful' })
    onTestFinished(() => server.close())
    const gateway = await startTestGateway({ servers: { old: [httpEndpoint(server.url)] } })
    const url = `${gateway.url}/old`
    // `task` is a word of the legacy era, by which this client cannot mean a task.
    const params = { name: 'echo', arguments: { text: 'hi' }, task: { ttl: 1_000 } }
    const called = await askTask(url, 'tools/call', params)
    expect(called.result).toMatchObject({ resultType: 'complete', content: [{ text: 'hi' }] })
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const refused = await askTask(url, method, { taskId: 'x' })
      expect(refused).toMatchObject({ status: 404, error: { code: -32_601 } })
      expect(refused.error?.message).toMatch(/"old" speaks an earlier version.*does not have the/)
    }
    for (const method of ['tasks/list', 'tasks/result']) {
      expect(await askTask(url, method, {})).toMatchObject({ error: { code: -32_601 } })
    }
  })

  it('a legacy client gets plain results from a modern server, and is told why it has no tasks', async () => {
    const server = await startTaskServer('new')
    const gateway = await startTestGateway({ servers: { new: [httpEndpoint(server.url)] } })
    const url = `${gateway.url}/new`
    const session = await openSession(url)
    const ask = async (method: string, params: object) => {
      const message = legacyMessage({ id: 5, method, params }, session)
      const answer = await fetch(url, message)
      return (await answer.json()) as { result?: object; error?: { message: string } }
    }
    // A receiver that has not declared tasks processes the request as if `task` was not there.
    const called = await ask('tools/call', { name: 'slow', task: { ttl: 1_000 } })
    expect(textOf(called.result)).toBe('done at new, as asked')
    for (const method of ['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel']) {
      const refused = await ask(method, { taskId: 'x' })
      expect(refused.error).toMatchObject({ code: -32_601 })
      expect(refused.error?.message).toMatch(new RegExp(`^${method}: this session has no tasks`))
    }
    expect(server.seen.filter((it) => it.startsWith('tasks/'))).toEqual([])
  })
})
