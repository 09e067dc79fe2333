// Plugins as servers of their own, of either era and behind TLS that wants the gateway's certificate: what they change, what
// they refuse, and what becomes of a call when they are not there.
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMetrics } from '../../src/observability/index.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import {
  SPEECHES,
  startPluginServer,
  type PluginServer,
  type PluginServerOptions,
} from '../fixtures/plugin-server/server.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { legacyMessage, modernRequest, openSession } from '../support/mcp-messages.ts'
import { deadPort, startRpcServer, until } from '../support/servers.ts'
import { recordingLog } from '../upstream/stdio/harness.ts'
import {
  answerOf,
  echo,
  plugin,
  shouting,
  startSecurePlugins,
  startWith,
  textOf,
} from './plugin-gateway.ts'

describe.each(SPEECHES)('a plugin server that speaks %s, behind mutual TLS', (speaks) => {
  const start = (options: PluginServerOptions, http2 = false) =>
    startSecurePlugins({ speaks, http2, ...options })

  it.each([false, true])('changes a call and its result, HTTP/2 %s', async (http2) => {
    const { plugins, endpoint } = await start({ onHook: shouting }, http2)
    const { call, outcomes } = await startWith([plugin(plugins.url, { endpoint })])
    for (let count = 0; count < 3; count++) expect(textOf(await call())).toBe('HELLO (seen)')
    expect(plugins.asked.map(({ hook, plugin: name }) => [hook, name])).toEqual(
      Array.from({ length: 3 }, () => [
        ['tool_pre_invoke', 'Redact'],
        ['tool_post_invoke', 'Redact'],
      ]).flat(),
    )
    expect(new Set(plugins.requests.map(({ client }) => client))).toEqual(new Set(['gateway']))
    const version = http2 ? '2.0' : '1.1'
    expect(new Set(plugins.requests.map(({ httpVersion }) => httpVersion))).toEqual(
      new Set([version]),
    )
    expect(await outcomes()).toEqual([
      { plugin: 'Redact', hook: 'tool_pre_invoke', outcome: 'changed', value: 3 },
      { plugin: 'Redact', hook: 'tool_post_invoke', outcome: 'changed', value: 3 },
    ])
  })

  it('keeps calls at the same time apart', async () => {
    const { plugins, endpoint } = await start({ onHook: shouting })
    const { call } = await startWith([plugin(plugins.url, { endpoint })])
    const texts = Array.from({ length: 60 }, (_, count) => `call ${count}`)
    const answers = await Promise.all(texts.map(async (text) => textOf(await call(echo(text)))))
    expect(answers).toEqual(texts.map((text) => `${text.toUpperCase()} (seen)`))
  })

  it('refuses a call, which never reaches its server', async () => {
    const { plugins, endpoint } = await start({
      onHook: () => ({
        continue_processing: false,
        violation: { reason: 'words', description: 'a word that is\nnot said', code: 'BAD_WORD' },
      }),
    })
    const { call, server, outcomes } = await startWith([plugin(plugins.url, { endpoint })])
    const { status, error } = await call(
      modernRequest('tools/call', { name: 'slow', arguments: {} }),
    )
    expect(status).toBe(403)
    expect(error).toMatchObject({
      message: 'refused by the plugin "Redact": a word that is not said (BAD_WORD)',
      data: { code: 'GW_PLUGIN_DENIED' },
    })
    expect(server.tally.started).toBe(0)
    expect(await outcomes()).toEqual([
      { plugin: 'Redact', hook: 'tool_pre_invoke', outcome: 'denied', value: 1 },
    ])
  })

  it('is told when its answer is not waited for', async () => {
    const { promise: reached, resolve: onReached } =
      Promise.withResolvers<PluginServer['asked'][0]>()
    const { plugins, endpoint } = await start({
      onHook: (asked) => {
        onReached(asked)
        return new Promise(() => undefined)
      },
    })
    const { url } = await startWith([plugin(plugins.url, { endpoint })])
    const gone = new AbortController()
    const call = fetch(url, { ...echo('hello'), signal: gone.signal })
    const { signal } = await reached
    expect(signal.aborted).toBe(false)
    gone.abort()
    await expect(call).rejects.toThrow('abort')
    await until(() => signal.aborted, 'the cancellation')
  })
})

describe('a plugin', () => {
  it('is told nothing of who calls', async () => {
    const plugins = await startPluginServer()
    const { call } = await startWith([plugin(plugins.url)])
    const message = echo('hello')
    const headers = {
      ...message.headers,
      authorization: 'Bearer secret',
      cookie: 'a=1',
      'x-own': 'mine',
    }
    expect(textOf(await call({ ...message, headers }))).toBe('hello')
    expect(plugins.requests.length).toBeGreaterThan(0)
    for (const { headers: seen } of plugins.requests) {
      expect(Object.keys(seen)).not.toContain('authorization')
      expect(Object.keys(seen)).not.toContain('cookie')
      expect(Object.keys(seen)).not.toContain('x-own')
    }
    expect(JSON.stringify(plugins.asked)).not.toContain('secret')
  })

  // Once lists are known and sessions open, such calls take short ways on routes without plugins.
  it.each(['modern', 'legacy'] as const)(
    'is not got around by calls of %s clients to one of several servers of that era',
    async (eras) => {
      const plugins = await startPluginServer({ onHook: shouting })
      const servers = [await startEverythingServer({ eras }), await startEverythingServer({ eras })]
      onTestFinished(async () => void (await Promise.all(servers.map((server) => server.close()))))
      const [one, two] = servers.map(({ url }) => [httpEndpoint(url)])
      const gateway = await startTestGateway({
        servers: { one: one ?? [], two: two ?? [] },
        routes: { '/all': ['one', 'two'] },
        plugins: [plugin(plugins.url)],
      })
      const url = `${gateway.url}/all`
      const session = eras === 'legacy' ? await openSession(url) : undefined
      const ask = async (id: number, method: string, params: Record<string, unknown> = {}) => {
        const message =
          session === undefined
            ? modernRequest(method, params, id)
            : legacyMessage({ id, method, params }, session)
        return answerOf(await fetch(url, message))
      }
      await ask(1, 'tools/list')
      await ask(2, 'resources/list')
      for (let id = 3; id < 7; id++) {
        const answer = await ask(id, 'tools/call', { name: 'two_echo', arguments: { text: 'hi' } })
        expect(textOf(answer)).toBe('HI (seen)')
      }
    },
  )

  it('is asked in the order of priority, and sees what the one before made of the call', async () => {
    const adds = (letter: string) =>
      startPluginServer({
        onHook: ({ payload }) => {
          const { name, args } = payload as { name: string; args: { text: string } }
          return { modified_payload: { name, args: { text: args.text + letter } } }
        },
      })
    const [a, b, c] = [await adds('a'), await adds('b'), await adds('c')]
    const hooks = ['tool_pre_invoke'] as const
    const { call } = await startWith([
      plugin(a.url, { name: 'A', hooks, priority: 20 }),
      plugin(b.url, { name: 'B', hooks, priority: 10 }),
      plugin(c.url, { name: 'C', hooks, priority: 20 }),
    ])
    expect(textOf(await call(echo('-')))).toBe('-bac')
  })

  it('that the gateway itself leads to is not asked about being asked', async () => {
    const port = await deadPort()
    const server = await startEverythingServer()
    onTestFinished(() => server.close())
    const metrics = createMetrics()
    const { url } = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      listener: { port },
      plugins: [plugin(`http://127.0.0.1:${port}/mcp`)],
      dependencies: { metrics },
    })
    const answer = await fetch(`${url}/mcp`, echo('hello'))
    expect(answer.status).toBe(502)
    expect(await answerOf(answer)).toMatchObject({ error: { data: { code: 'GW_PLUGIN_FAILED' } } })
    const { values } = await metrics.refusals.get()
    expect(values.find(({ labels }) => labels.code === 'GW_LOOP_DETECTED')?.value).toBeGreaterThan(
      0,
    )
    const hooks = await metrics.pluginCalls.get()
    expect(hooks.values.map(({ value }) => value)).toEqual([1])
  })

  it('of mode disabled is neither asked nor connected to', async () => {
    const plugins = await startPluginServer({ onHook: shouting })
    const { call } = await startWith([plugin(plugins.url, { mode: 'disabled' })])
    expect(textOf(await call())).toBe('hello')
    expect(plugins.requests).toEqual([])
  })

  it('is asked on no route that leaves it out', async () => {
    const plugins = await startPluginServer({ onHook: shouting })
    const server = await startEverythingServer()
    onTestFinished(() => server.close())
    const { url } = await startTestGateway({
      servers: { mcp: [httpEndpoint(server.url)] },
      plugins: [plugin(plugins.url)],
      routePlugins: { '/mcp': [] },
    })
    expect(textOf(await answerOf(await fetch(`${url}/mcp`, echo('hello'))))).toBe('hello')
    expect(plugins.asked).toEqual([])
  })
})

describe('a plugin that is down', () => {
  const deadUrl = async (): Promise<string> => `http://127.0.0.1:${await deadPort()}/mcp`

  it.each([
    ['written', { hooks: ['tool_pre_invoke'] as const }],
    ['not written', { hooks: undefined }],
  ])(
    'fails the call where it is enforced, and says nothing of where it is: hooks %s',
    async (...row) => {
      const [, hooks] = row
      const url = await deadUrl()
      const { call, outcomes } = await startWith([plugin(url, hooks)])
      const answer = await call()
      expect(answer).toMatchObject({ status: 502, error: { data: { code: 'GW_PLUGIN_FAILED' } } })
      expect(JSON.stringify(answer)).not.toContain(new URL(url).port)
      expect(await outcomes()).toEqual([
        { plugin: 'Redact', hook: 'tool_pre_invoke', outcome: 'failed', value: 1 },
      ])
    },
  )

  const hooks = ['tool_pre_invoke', 'tool_post_invoke'] as const

  it.each([
    { mode: 'enforce_ignore_error', hooks },
    { mode: 'enforce_ignore_error', hooks: undefined },
    { mode: 'permissive', hooks },
    { mode: 'permissive', hooks: undefined },
  ] as const)('lets the call pass with mode $mode, hooks $hooks', async (options) => {
    const { call, outcomes } = await startWith([plugin(await deadUrl(), options)])
    expect(textOf(await call())).toBe('hello')
    expect(await outcomes()).toEqual([
      { plugin: 'Redact', hook: 'tool_pre_invoke', outcome: 'failed', value: 1 },
      { plugin: 'Redact', hook: 'tool_post_invoke', outcome: 'failed', value: 1 },
    ])
  })

  it('is seen in /health, and the time that it took in the metrics', async () => {
    const { call, url, metrics } = await startWith([plugin(await deadUrl())])
    await call()
    const health = (await (await fetch(new URL('/health', url))).json()) as { backends: object[] }
    expect(health.backends).toContainEqual(
      expect.objectContaining({ name: 'plugin Redact', healthy: false }),
    )
    const text = await metrics.registry.metrics()
    expect(text).toContain('sallyport_plugin_duration_seconds_count{plugin="Redact"} 1')
    expect(text).toMatch(/sallyport_endpoint_healthy\{server="plugin Redact",endpoint="[^"]+"\} 0/)
  })

  it('does its work again when it is back, without a restart of the gateway', async () => {
    const plugins = await startPluginServer({ speaks: 'legacy', onHook: shouting })
    const { call } = await startWith([plugin(plugins.url)])
    expect(textOf(await call())).toBe('HELLO (seen)')
    await plugins.close()
    expect((await call()).status).toBe(502)
    await startPluginServer({ speaks: 'legacy', onHook: shouting, port: plugins.port })
    await expect.poll(async () => textOf(await call())).toBe('HELLO (seen)')
  })

  it('has failed when it asks for input, as nobody is there to give it', async () => {
    const asking = await startRpcServer(({ response, id, method }) => {
      const cache = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
      const result =
        method === 'tools/call'
          ? { resultType: 'input_required', inputRequests: {}, requestState: 'state' }
          : { ...cache, supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, tools: [] }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    })
    const { log, lines } = recordingLog()
    const { call } = await startWith([plugin(asking.url)], { dependencies: { log } })
    expect(await call()).toMatchObject({
      status: 502,
      error: { data: { code: 'GW_PLUGIN_FAILED' } },
    })
    const failed = lines.find(({ text }) => text === 'request failed')?.fields['error'] as Error
    expect(failed.cause).toMatchObject({ message: 'expected an answer, got input_required' })
  })

  it('is given up after its timeout', async () => {
    const plugins = await startPluginServer({ onHook: () => new Promise(() => undefined) })
    const { call } = await startWith([plugin(plugins.url, { timeoutMs: 200 })])
    expect(await call()).toMatchObject({
      status: 502,
      error: { data: { code: 'GW_PLUGIN_FAILED' } },
    })
    await until(() => plugins.asked[0]?.signal.aborted ?? false, 'the cancellation')
  })
})
