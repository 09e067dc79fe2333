// Subscriptions of modern clients at servers of the legacy era: the stream of the session, and its resource subscriptions.
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import { startSdkV1Server } from '../../../fixtures/sdk-v1-http/server.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { deadPort, until } from '../../../support/servers.ts'
import { ask, begin } from '../modern/view-of.ts'
import {
  answerJson,
  backOf,
  callTool,
  listen,
  openStream,
  resultOf,
  scripted,
  stdioLegacy,
  type Script,
} from './back-of.ts'

const WATCHED = 'test://watched-resource'
const LISTS = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
const TOOLS_CHANGED = { method: 'notifications/tools/list_changed' }
const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } })

describe('at real servers', () => {
  it('hears of changed lists and resources, of those that were asked for', async () => {
    const server = await startEverythingServer()
    onTestFinished(() => server.close())
    const { back } = await backOf([server.url])
    const all = listen(back, { ...LISTS, resourceSubscriptions: [WATCHED] })
    const none = listen(back, { toolsListChanged: false, taskIds: ['t'] })
    await until(() => all.heard.acknowledged.length + none.heard.acknowledged.length === 2, 'both')
    expect(all.heard.acknowledged).toEqual([{ ...LISTS, resourceSubscriptions: [WATCHED] }])
    expect(none.heard.acknowledged).toEqual([{}])
    await callTool(back, 'test_trigger_tool_change')
    await callTool(back, 'touch')
    await until(() => all.heard.changes.length >= 2, 'the changes')
    expect(all.heard.changes).toMatchObject([TOOLS_CHANGED, updated(WATCHED)])
    expect(none.heard.changes).toEqual([])
    expect(server.sessionCount()).toBe(1)
  })

  it.each([
    [
      'HTTP',
      async () => {
        const server = await startSdkV1Server({ sessions: 'stateful' })
        onTestFinished(() => server.close())
        return server.url
      },
    ],
    ['stdio', async () => stdioLegacy()],
  ])('honours what a server of SDK 1 over %s announces', async (_, start) => {
    const { back } = await backOf([await start()])
    const { heard } = listen(back, { ...LISTS, resourceSubscriptions: [WATCHED] })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    expect(heard.acknowledged).toEqual([{ resourceSubscriptions: [WATCHED] }])
    await callTool(back, 'touch')
    await until(() => heard.changes.length === 1, 'the change')
    expect(heard.changes).toMatchObject([updated(WATCHED)])
  })

  it('honours nothing where the server has no stream', async () => {
    const server = await startSdkV1Server({ sessions: 'stateless' })
    onTestFinished(() => server.close())
    const { back } = await backOf([server.url])
    const { heard } = listen(back, { ...LISTS, resourceSubscriptions: [WATCHED] })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    expect(heard).toMatchObject({ acknowledged: [{}], failures: [], ends: 0 })
  })
})

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true },
}

/** A server with a stream on which it says what it is told to. */
async function streaming(script: Script = () => undefined) {
  const streams: { write: ReturnType<typeof openStream>; end(): void; cut(): void }[] = []
  const server = await scripted(
    (seen, response) => {
      if (script(seen, response) === true) return true
      if (seen.verb === 'GET') {
        const write = openStream(response)
        const cut = (): void => void response.destroy()
        streams.push({ write, end: () => response.end(), cut })
        return true
      }
      return seen.method?.startsWith('resources/') === true
        ? answerJson(response, { id: seen.id, result: {} })
        : undefined
    },
    { capabilities: CAPABILITIES },
  )
  return { ...server, streams }
}

describe('a subscription', () => {
  it('subscribes to each resource once for all listeners, and ends it after the last', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    const first = listen(back, { resourceSubscriptions: ['a:1', 'a:2', 'a:1'] })
    const second = listen(back, { resourceSubscriptions: ['a:2', 'a:3'] })
    await until(
      () => first.heard.acknowledged.length + second.heard.acknowledged.length === 2,
      'acks',
    )
    expect(first.heard.acknowledged).toEqual([{ resourceSubscriptions: ['a:1', 'a:2'] }])
    const uris = (method: string) => server.of(method).map(({ params }) => params['uri'])
    expect(uris('resources/subscribe')).toHaveLength(3)
    expect(new Set(uris('resources/subscribe'))).toEqual(new Set(['a:1', 'a:2', 'a:3']))
    server.streams[0]?.write(updated('a:2'))
    server.streams[0]?.write(updated('a:3'))
    await until(() => second.heard.changes.length === 2, 'the changes')
    expect(first.heard.changes).toEqual([updated('a:2')])
    first.call.cancel()
    await until(() => uris('resources/unsubscribe').length === 1, 'the end of one')
    expect(uris('resources/unsubscribe')).toEqual(['a:1'])
    second.call.cancel()
    await until(() => uris('resources/unsubscribe').length === 3, 'the end of all')
    expect(back.held.subscriptions).toBe(0)
    expect(server.streams).toHaveLength(1)
    const third = listen(back, { resourceSubscriptions: ['a:1'] })
    await until(() => third.heard.acknowledged.length === 1, 'another')
    expect(uris('resources/subscribe')).toHaveLength(4)
    expect(server.streams).toHaveLength(2)
  })

  it('is acknowledged without what the server refuses', async () => {
    const server = await streaming(({ method, id, params }, response) =>
      method === 'resources/subscribe' && params['uri'] === 'a:2'
        ? answerJson(response, { id, error: { code: -32_002, message: 'none' } })
        : undefined,
    )
    const { back } = await backOf([server.url])
    const { heard } = listen(back, { ...LISTS, resourceSubscriptions: ['a:1', 'a:2'] })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    expect(heard.acknowledged).toEqual([
      { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['a:1'] },
    ])
  })

  it('hears nothing before it is acknowledged, and then what came meanwhile', async () => {
    const held: (() => void)[] = []
    const server = await streaming(({ method, id }, response) => {
      if (method !== 'resources/subscribe') return undefined
      held.push(() => answerJson(response, { id, result: {} }))
      return true
    })
    const { back } = await backOf([server.url])
    const { heard } = listen(back, { toolsListChanged: true, resourceSubscriptions: ['a:1'] })
    const other = listen(back, { toolsListChanged: true })
    await until(() => held.length === 1 && other.heard.acknowledged.length === 1, 'one of them')
    server.streams[0]?.write(TOOLS_CHANGED)
    await until(() => other.heard.changes.length === 1, 'the change')
    expect(heard).toMatchObject({ acknowledged: [], changes: [] })
    held[0]?.()
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    expect(heard.changes).toMatchObject([TOOLS_CHANGED])
  })

  it('hears of changes that came on the stream of a call, which does not', async () => {
    const server = await streaming(({ method, id }, response) => {
      if (method !== 'tools/call') return undefined
      const write = openStream(response)
      write(TOOLS_CHANGED)
      write({ id, result: { content: [] } })
      response.end()
      return true
    })
    const { back } = await backOf([server.url])
    const { heard } = listen(back, LISTS)
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    const { notifications } = await ask(back, 'tools/call', { name: 'x' })
    await until(() => heard.changes.length === 1, 'the change')
    expect(notifications).toEqual([])
  })

  it('is taken up where its stream stopped, by servers that give their events ids', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    const { heard } = listen(back, LISTS)
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    server.streams[0]?.write(TOOLS_CHANGED, 'one')
    await until(() => heard.changes.length === 1, 'the change')
    server.streams[0]?.end()
    await until(() => server.streams.length === 2, 'the next stream')
    expect(server.of('GET')[1]?.headers['last-event-id']).toBe('one')
    server.streams[1]?.write({ method: 'notifications/prompts/list_changed' }, 'two')
    await until(() => heard.changes.length === 2, 'the next change')
    expect(heard.changes.map(({ method }) => method)).toEqual([
      'notifications/tools/list_changed',
      'notifications/prompts/list_changed',
    ])
  })

  it.each(['end', 'cut'] as const)(
    'says that all may have changed when its stream has a gap: %s',
    async (how) => {
      const server = await streaming()
      const { back } = await backOf([server.url])
      const { heard } = listen(back, { toolsListChanged: true, resourceSubscriptions: ['a:1'] })
      await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
      server.streams[0]?.[how]()
      await until(() => heard.changes.length > 0, 'the word')
      expect(heard.changes).toEqual([TOOLS_CHANGED, updated('a:1')])
      expect(server.streams).toHaveLength(2)
      expect(heard.acknowledged).toHaveLength(1)
    },
  )

  it('moves to a new session when the server has lost the old one', async () => {
    let isLost = false
    const server = await streaming(({ headers }, response) => {
      if (!isLost || headers['mcp-session-id'] !== 'session-1') return undefined
      response.writeHead(404).end()
      return true
    })
    const { back } = await backOf([server.url])
    const { heard } = listen(back, { toolsListChanged: true, resourceSubscriptions: ['a:1'] })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    isLost = true
    server.streams[0]?.cut()
    await until(() => heard.changes.length === 2, 'the word that all may have changed')
    expect(server.of('resources/subscribe')).toHaveLength(2)
    server.streams[1]?.write(TOOLS_CHANGED)
    await until(() => heard.changes.length === 3, 'a change on the new session')
    expect(heard).toMatchObject({ failures: [], ends: 0 })
    expect(back.held.sessions).toBe(1)
  })

  it('moves to a new session when the old one is too old', async () => {
    const clock = manualClock()
    const server = await streaming()
    const { back } = await backOf([server.url], { clock })
    const { heard } = listen(back, LISTS)
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    clock.advance(14_400_000)
    await until(() => server.streams.length === 2, 'the new stream')
    server.streams[1]?.write({ method: 'notifications/prompts/list_changed' })
    await until(() => heard.changes.length === 3, 'the word, and a change')
    expect(heard).toMatchObject({ failures: [], ends: 0 })
  })

  it('fails when there is no session to be had', async () => {
    const { back } = await backOf([`http://127.0.0.1:${await deadPort()}/mcp`])
    const { heard } = listen(back, LISTS)
    await until(() => heard.failures.length === 1, 'the failure')
    expect(heard).toMatchObject({
      failures: [{ code: 'GW_UPSTREAM_UNREACHABLE' }],
      acknowledged: [],
    })
    expect(back.held).toMatchObject({ subscriptions: 0, sessions: 0 })
  })

  it('fails after some attempts when its server does not come back', async () => {
    const clock = manualClock()
    const server = await streaming()
    const { back } = await backOf([server.url], { clock })
    const { heard } = listen(back, LISTS)
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    await server.kill()
    // A call finds out that the endpoint is gone, and with it the session.
    await until(async () => {
      const asked = begin(back, 'tools/list')
      const { failures } = await asked.done
      return failures.length === 1 && back.held.sessions === 0
    }, 'the end of the session')
    await until(() => {
      clock.advance(1_000)
      return heard.failures.length === 1
    }, 'the failure')
    expect(back.held).toMatchObject({ subscriptions: 0, sessions: 0 })
  })

  it('ends in good order when the back closes', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    const { heard } = listen(back, LISTS)
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    await back.close()
    expect(heard).toMatchObject({ ends: 1, failures: [] })
    expect(server.of('DELETE')).toHaveLength(1)
    const late = listen(back, LISTS)
    await until(() => late.heard.failures.length === 1, 'the refusal')
    expect(late.heard.failures).toMatchObject([{ code: 'GW_DRAINING' }])
  })

  it('that is cancelled while it begins leaves nothing behind', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    for (let count = 0; count < 20; count++) {
      const { call } = listen(back, { resourceSubscriptions: ['a:1'] })
      if (count % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
      call.cancel()
    }
    await resultOf(back, 'tools/list')
    await until(
      () => server.of('resources/subscribe').length === server.of('resources/unsubscribe').length,
      'the end of what was subscribed',
    )
    expect(back.held.subscriptions).toBe(0)
  })
})
