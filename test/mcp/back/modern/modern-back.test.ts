import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  startEverythingServer,
  type EverythingOptions,
} from '../../../fixtures/everything-server/server.ts'
import type { StdioEndpointOptions } from '../../../../src/upstream/index.ts'
import { readValue } from '../../../../src/wire/index.ts'
import { nodeEndpoint } from '../../../support/gateway.ts'
import { until } from '../../../support/servers.ts'
import { ask, backOf, begin, listen, resultOf, textOf } from './view-of.ts'

async function everything(options: EverythingOptions = {}) {
  const server = await startEverythingServer(options)
  onTestFinished(() => server.close())
  return server
}

interface SeenRequest {
  readonly headers: IncomingMessage['headers']
  readonly body: { readonly params: { readonly _meta: Record<string, unknown> } }
}

/** Two replicas with a key of their own each, as servers start by default. */
async function replicas() {
  const seen: SeenRequest[] = []
  const onRequest = ({ headers }: IncomingMessage, body: Buffer): void => {
    seen.push({ headers, body: JSON.parse(body.toString()) as SeenRequest['body'] })
  }
  const servers = [
    await everything({ name: 'a', onRequest }),
    await everything({ name: 'b', onRequest }),
  ]
  return { servers, seen, ...(await backOf(servers.map(({ url }) => url))) }
}

const META = 'io.modelcontextprotocol/'
const tool = (name: string, args: object = {}, more: object = {}) => ({
  name,
  arguments: args,
  ...more,
})

describe('requests', () => {
  it('carry the envelope and the headers that mirror it, and the fields of the client', async () => {
    const { view, seen } = await replicas()
    await resultOf(
      view,
      'tools/call',
      tool('echo', { text: 'x' }, { _meta: { traceparent: 't' } }),
      {
        headers: ['X-Custom', 'kept', 'via', '1.1 me'],
        capabilities: { sampling: {} },
        logLevel: 'error',
      },
    )
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
      'x-custom': 'kept',
      via: '1.1 me',
    })
    expect(seen[0]?.headers).not.toHaveProperty('mcp-session-id')
    expect(seen[0]?.body.params._meta).toEqual({
      traceparent: 't',
      [`${META}protocolVersion`]: '2026-07-28',
      [`${META}clientCapabilities`]: { sampling: {} },
      [`${META}clientInfo`]: { name: 'client', version: '1' },
      [`${META}logLevel`]: 'error',
    })
  })

  it('reach every method of the server', async () => {
    const { view } = await replicas()
    expect(await resultOf(view, 'server/discover')).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      ttlMs: 60_000,
      _meta: { [`${META}serverInfo`]: { name: expect.stringMatching(/^[ab]$/) } },
    })
    for (const list of ['tools', 'prompts', 'resources']) {
      const page = await resultOf(view, `${list}/list`)
      expect(page).toMatchObject({ resultType: 'complete', cacheScope: 'public' })
      expect((page[list] as unknown[]).length).toBeGreaterThan(1)
    }
    const read = await resultOf(view, 'resources/read', { uri: 'test://static-text' })
    expect(read['contents']).toMatchObject([{ uri: 'test://static-text' }])
    expect(await resultOf(view, 'resources/templates/list')).toHaveProperty('resourceTemplates')
    const name = 'test_prompt_with_arguments'
    const prompt = await resultOf(view, 'prompts/get', {
      name,
      arguments: { arg1: 'x', arg2: 'y' },
    })
    expect(JSON.stringify(prompt)).toContain('x')
    const ref = { type: 'ref/prompt', name }
    const argument = { name: 'arg1', value: 'p' }
    expect(await resultOf(view, 'completion/complete', { ref, argument })).toHaveProperty(
      'completion',
    )
  })

  it('go to the endpoints in turn', async () => {
    const { view } = await replicas()
    const names = new Set<unknown>()
    for (let count = 0; count < 4; count++) {
      names.add(textOf(await resultOf(view, 'tools/call', tool('whoami'))))
    }
    expect(names.size).toBe(2)
  })

  it('may name tools that no header can carry as they are', async () => {
    const { view } = await replicas()
    for (const name of ['ünïcode', 'line\nbreak', ' blank ', '=?base64?x?=', '']) {
      const { errors } = await ask(view, 'tools/call', tool(name))
      // The header passed, or the error would be -32020; there is no such tool.
      expect(errors).toMatchObject([{ code: -32_602 }])
    }
  })

  it.each(['a\r\nx: y', 'a b', '', 'ä'])('for the method %j are answered here', async (method) => {
    const { view, seen } = await replicas()
    expect((await ask(view, method)).errors).toMatchObject([{ code: -32_601 }])
    expect(seen).toEqual([])
  })
})

describe('answers', () => {
  it('bring progress with the token of the client, of whatever type it is', async () => {
    const { view } = await replicas()
    for (const progressToken of ['t', '0', 0, 7]) {
      const params = tool('slow', { steps: 2, stepMs: 1 }, { _meta: { progressToken } })
      const { notifications, results } = await ask(view, 'tools/call', params)
      expect(notifications).toMatchObject([
        { method: 'notifications/progress', params: { progressToken, progress: 1 } },
        { method: 'notifications/progress', params: { progressToken, progress: 2 } },
      ])
      expect(results).toMatchObject([{ resultType: 'complete' }])
    }
  })

  it('bring log messages from the level that was asked for, and none without one', async () => {
    const { view } = await replicas()
    const levels = async (logLevel: string | undefined): Promise<unknown[]> => {
      const { notifications } = await ask(view, 'tools/call', tool('test_logging_tool'), {
        logLevel,
      })
      return notifications.map(({ params }) => params?.['level'])
    }
    expect(await levels('debug')).toEqual(['debug', 'info', 'error'])
    expect(await levels('error')).toEqual(['error'])
    expect(await levels(undefined)).toEqual([])
  })

  it('that are errors keep code and data', async () => {
    const { view, doubts } = await replicas()
    const unknown = await ask(view, 'resources/read', { uri: 'test://nothing' })
    expect(unknown.errors).toMatchObject([{ code: -32_602, data: { uri: 'test://nothing' } }])
    expect((await ask(view, 'no/such')).errors).toMatchObject([{ code: -32_601 }])
    expect(doubts()).toBe(0)
  })

  it('of a tool that needs what the client did not declare say so', async () => {
    const { view } = await replicas()
    const { errors } = await ask(view, 'tools/call', tool('test_input_required_result_sampling'))
    expect(errors).toMatchObject([
      { code: -32_021, data: { requiredCapabilities: { sampling: {} } } },
    ])
  })

  it('may be megabytes', async () => {
    const { view } = await replicas()
    const result = await resultOf(view, 'tools/call', tool('big', { bytes: 900_000 }))
    expect(readValue(textOf(result))).toHaveLength(900_000)
    const { failures } = await ask(view, 'tools/call', tool('big', { bytes: 1_000_001 }))
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_PROTOCOL' }])
  })

  it('come to nothing once they are cancelled, and the server learns of it', async () => {
    const { view, servers } = await replicas()
    const { call, heard } = begin(view, 'tools/call', tool('slow', { steps: 5_000, stepMs: 20 }))
    const sum = (key: 'started' | 'cancelled'): number =>
      servers.reduce((total, { tally }) => total + tally[key], 0)
    await until(() => sum('started') === 1, 'the call to start')
    call.cancel()
    call.cancel()
    await until(() => sum('cancelled') === 1, 'the cancellation to arrive')
    expect(heard).toEqual({ notifications: [], results: [], errors: [], failures: [] })
  })

  it('of endpoints that are gone are failures', async () => {
    const { view, servers } = await replicas()
    await Promise.all(servers.map((server) => server.close()))
    expect((await ask(view, 'tools/list')).failures).toMatchObject([
      { code: 'GW_UPSTREAM_UNREACHABLE' },
    ])
  })
})

describe('a call that asks for input', () => {
  const capabilities = { elicitation: { form: {} } }
  const name = 'test_input_required_result_multi_round'
  const answer = (content: object) => ({ action: 'accept', content })

  it('is retried at the endpoint that asked, whichever turn it is', async () => {
    const { view } = await replicas()
    for (let turn = 0; turn < 4; turn++) {
      const first = await resultOf(view, 'tools/call', tool(name), { capabilities })
      expect(first).toMatchObject({
        resultType: 'input_required',
        requestState: expect.any(String),
      })
      // Calls in between turn the round robin by every number of steps.
      for (let other = 0; other < turn; other++) await resultOf(view, 'tools/list')
      const { requestState } = first
      const inputResponses = { step1: answer({ name: 'Ada' }) }
      const retry = tool(name, {}, { inputResponses, requestState })
      const second = await resultOf(view, 'tools/call', retry, { capabilities })
      expect(second).toMatchObject({ resultType: 'input_required' })
      const last = await resultOf(
        view,
        'tools/call',
        tool(
          name,
          {},
          {
            inputResponses: { step2: answer({ color: 'red' }) },
            requestState: second['requestState'],
          },
        ),
        { capabilities },
      )
      expect(textOf(last)).toBe('You like red')
    }
  })

  it('goes elsewhere when that endpoint is gone, and hears what the other one says', async () => {
    const { view, servers, pool } = await replicas()
    const first = await resultOf(view, 'tools/call', tool(name), { capabilities })
    const whose = JSON.stringify(first).includes('"name":"a"') ? 0 : 1
    await servers[whose]?.close()
    await pool.probeAll()
    const { requestState } = first
    const { errors } = await ask(
      view,
      'tools/call',
      tool(name, {}, { inputResponses: {}, requestState }),
      {
        capabilities,
      },
    )
    expect(errors).toMatchObject([{ code: -32_602 }])
  })
})

describe('headers for arguments', () => {
  const call = tool('test_param_headers', { region: 'Zürich', priority: 3 })
  const fields = {
    'mcp-param-region': `=?base64?${Buffer.from('Zürich').toString('base64')}?=`,
    'mcp-param-priority': '3',
  }
  const methodsOf = (seen: readonly SeenRequest[]) =>
    seen.map(({ headers }) => headers['mcp-method'])

  it('are looked up when the server misses them, and known from then on', async () => {
    const { view, seen } = await replicas()
    expect(textOf(await resultOf(view, 'tools/call', call))).toContain('Zürich')
    expect(methodsOf(seen)).toEqual(['tools/call', 'tools/list', 'tools/call'])
    expect(seen.at(-1)?.headers).toMatchObject(fields)
    await resultOf(view, 'tools/call', call)
    expect(seen).toHaveLength(4)
  })

  it('are sent at once after the same caller has seen the list', async () => {
    const { view, seen } = await replicas()
    await resultOf(view, 'tools/list')
    await resultOf(view, 'tools/call', call)
    expect(methodsOf(seen)).toEqual(['tools/list', 'tools/call'])
  })

  it('are not taken from the list of another caller', async () => {
    const { view, seen } = await replicas()
    await resultOf(view, 'tools/list', {}, { key: 'another' })
    await resultOf(view, 'tools/call', call)
    expect(methodsOf(seen)).toEqual(['tools/list', 'tools/call', 'tools/list', 'tools/call'])
    expect(seen[1]?.headers).not.toHaveProperty('mcp-param-region')
  })
})

describe('a subscription', () => {
  it('is acknowledged, hears what it asked for without the id of this hop, and can be ended', async () => {
    const server = await everything()
    const { view } = await backOf([server.url])
    const { call, heard } = listen(view, {
      toolsListChanged: true,
      resourceSubscriptions: ['test://watched-resource'],
    })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    expect(heard.acknowledged).toEqual([
      { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] },
    ])
    await resultOf(view, 'tools/call', tool('test_trigger_prompt_change'))
    await resultOf(view, 'tools/call', tool('test_trigger_tool_change'))
    await resultOf(view, 'tools/call', tool('touch'))
    await until(() => heard.changes.length === 2, 'two changes')
    expect(heard.changes).toEqual([
      { method: 'notifications/tools/list_changed', params: {} },
      { method: 'notifications/resources/updated', params: { uri: 'test://watched-resource' } },
    ])
    call.cancel()
    await resultOf(view, 'tools/call', tool('test_trigger_tool_change'))
    await resultOf(view, 'tools/list')
    expect([heard.changes.length, heard.ends, heard.failures]).toEqual([2, 0, []])
  })

  it('ends or fails when the server goes away', async () => {
    const server = await everything()
    const { view } = await backOf([server.url])
    const { heard } = listen(view, { toolsListChanged: true })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    await server.close()
    await until(() => heard.ends + heard.failures.length > 0, 'the end')
    expect([heard.ends + heard.failures.length, heard.changes.length]).toEqual([1, 0])
  })
})

describe('a server on stdio', () => {
  const child = (): StdioEndpointOptions =>
    nodeEndpoint([resolve(import.meta.dirname, '../../../fixtures/everything-stdio/modern.ts')])

  it('answers calls, tells progress, and serves callers whose tokens collide', async () => {
    const { view } = await backOf([child()])
    expect(await resultOf(view, 'server/discover')).toMatchObject({ resultType: 'complete' })
    const calls = ['one', 'two'].map((key) =>
      ask(
        view,
        'tools/call',
        tool('slow', { steps: 2, stepMs: 5 }, { _meta: { progressToken: 1 } }),
        { key },
      ),
    )
    for (const { notifications, results } of await Promise.all(calls)) {
      expect(
        notifications.map(({ params }) => [params?.['progressToken'], params?.['progress']]),
      ).toEqual([
        [1, 1],
        [1, 2],
      ])
      expect(results).toMatchObject([{ resultType: 'complete' }])
    }
    const unknown = await ask(view, 'tools/call', tool('no-such-tool'))
    expect(unknown.errors).toMatchObject([{ code: -32_602 }])
  })

  it('is told of a cancellation', async () => {
    const { view } = await backOf([child()])
    const { call } = begin(view, 'tools/call', tool('slow', { steps: 5_000, stepMs: 20 }))
    const tally = async (): Promise<string> =>
      textOf(await resultOf(view, 'tools/call', tool('tally'))) ?? ''
    await until(async () => (await tally()).includes('"started":1'), 'the call to start')
    call.cancel()
    await until(async () => (await tally()).includes('"cancelled":1'), 'the cancellation')
    expect(await tally()).toContain('"finished":0')
  })

  it('tells changes', async () => {
    const { view } = await backOf([child()])
    const { heard } = listen(view, { resourceSubscriptions: ['test://watched-resource'] })
    await until(() => heard.acknowledged.length === 1, 'the acknowledgement')
    await resultOf(view, 'tools/call', tool('touch'))
    await until(() => heard.changes.length === 1, 'a change')
    expect(heard).toMatchObject({
      acknowledged: [{ resourceSubscriptions: ['test://watched-resource'] }],
      changes: [
        { method: 'notifications/resources/updated', params: { uri: 'test://watched-resource' } },
      ],
      failures: [],
    })
    expect(JSON.stringify(heard.changes)).not.toContain('subscriptionId')
  })

  it('of the legacy era raises a doubt', async () => {
    const legacy = resolve(import.meta.dirname, '../../../fixtures/everything-stdio/legacy.ts')
    const { view, doubts } = await backOf([nodeEndpoint([legacy])])
    expect((await ask(view, 'tools/list')).failures).toMatchObject([{ code: 'GW_WRONG_ERA' }])
    expect(doubts()).toBe(1)
  })
})
