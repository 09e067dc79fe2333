import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../../support/manual-clock.ts'
import { startHttpServer, until } from '../../../support/servers.ts'
import { ask, backOf, begin, listen, resultOf, textOf } from './view-of.ts'

interface Asked {
  readonly id: unknown
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
}

type Script = (asked: Asked, response: ServerResponse) => void

/** A server that answers as it is told, and remembers what it was asked. */
async function scripted(script: Script) {
  const asked: Asked[] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const message = JSON.parse((await buffer(request)).toString()) as Asked
    const seen = { ...message, headers: request.headers }
    asked.push(seen)
    script(seen, response)
  }
  const server = await startHttpServer((request, response) => void take(request, response))
  return { ...server, asked }
}

function answerJson(response: ServerResponse, message: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', ...message }))
}

function openStream(response: ServerResponse): (message: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  return (message) =>
    void response.write(
      `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`,
    )
}

async function answered(script: Script, method = 'tools/list', params = {}) {
  const server = await scripted(script)
  const back = await backOf([server.url])
  const heard = await ask(back.view, method, params)
  return { ...heard, ...back, asked: server.asked }
}

describe('an answer', () => {
  it('without a kind is complete', async () => {
    const { results } = await answered(({ id }, response) =>
      answerJson(response, { id, result: { a: 1 } }),
    )
    expect(results).toEqual([{ a: 1, resultType: 'complete' }])
  })

  it('keeps numbers that a double cannot hold', async () => {
    const { results } = await answered(({ id }, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`{"jsonrpc":"2.0","id":${String(id)},"result":{"n":1234567890123456789}}`)
    })
    expect(JSON.stringify(results[0])).toContain('1234567890123456789')
  })

  it('that is a stream brings only what belongs to the request', async () => {
    const params = { _meta: { progressToken: 't' } }
    const { results, notifications, warnings } = await answered(
      ({ id }, response) => {
        const say = openStream(response)
        say({ id: 'q', method: 'sampling/createMessage', params: {} })
        say({ id: 999, result: { wrong: true } })
        say({ method: 'notifications/progress', params: { progressToken: 'u', progress: 1 } })
        say({ method: 'notifications/message', params: { level: 'error', data: 'x' } })
        say({ method: 'notifications/progress', params: { progressToken: 't', progress: 1 } })
        say({ id, result: { right: true } })
        say({ method: 'notifications/progress', params: { progressToken: 't', progress: 2 } })
        response.end()
      },
      'tools/call',
      params,
    )
    expect(results).toEqual([{ right: true, resultType: 'complete' }])
    expect(notifications.map((it) => it.params)).toEqual([{ progressToken: 't', progress: 1 }])
    // One line for however many.
    expect(warnings).toEqual([expect.stringContaining('a request of its own')])
  })

  it.each([
    ['a stream that ends too early', 200, 'text/event-stream', ': hi\n\n', 'GW_UPSTREAM_BROKEN', 0],
    ['nothing', 202, undefined, '', 'GW_UPSTREAM_BROKEN', 0],
    [
      'a result that is no object',
      200,
      'application/json',
      result('[]'),
      'GW_UPSTREAM_PROTOCOL',
      0,
    ],
    ['text in a JSON type', 200, 'application/json', 'hello', 'GW_UPSTREAM_PROTOCOL', 0],
    ['a page that is not there', 404, 'text/html', '<p>no</p>', 'GW_UPSTREAM_STATUS', 1],
    ['another method wanted', 405, undefined, '', 'GW_UPSTREAM_STATUS', 1],
    ['too many requests', 429, 'text/plain', 'slow down', 'GW_UPSTREAM_STATUS', 0],
    ['a broken server', 500, 'text/plain', 'oops', 'GW_UPSTREAM_STATUS', 0],
    ['a redirect', 307, undefined, '', 'GW_UPSTREAM_REDIRECT', 0],
    ['credentials wanted', 401, undefined, '', 'GW_UPSTREAM_AUTH', 0],
    ['a legacy server', 400, 'application/json', rpcError(-32_000, null), 'GW_WRONG_ERA', 1],
    ['another version', 400, 'application/json', rpcError(-32_022), 'GW_UNSUPPORTED_VERSION', 1],
    ['headers not taken', 400, 'application/json', rpcError(-32_020), 'GW_UPSTREAM_PROTOCOL', 0],
  ])('that is %s is a failure', async (_, status, type, body, code, doubts) => {
    const { failures, errors, ...back } = await answered(({ id }, response) => {
      response.writeHead(status, type === undefined ? {} : { 'content-type': type })
      response.end(body.replace('ID', String(id)))
    })
    expect(failures.map((it) => it.code)).toEqual([code])
    expect(errors).toEqual([])
    expect(back.doubts()).toBe(doubts)
  })

  it.each([
    ['with its id in a 404', 404, rpcError(-32_601), -32_601],
    ['with its id in a 200', 200, rpcError(-32_000), -32_000],
    ['with a null id in a 403', 403, rpcError(-32_600, null), -32_600],
    ['of a wrong shape', 200, '{"jsonrpc":"2.0","id":ID,"error":{"code":"x"}}', -32_603],
  ])('that is an error %s is the error of the server', async (_, status, body, code) => {
    const { errors, failures, doubts } = await answered(({ id }, response) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body.replace('ID', String(id)))
    })
    expect(errors.map((it) => it.code)).toEqual([code])
    expect([failures, doubts()]).toEqual([[], 0])
  })

  it('cut short after some of it was heard is a failure', async () => {
    const { failures, notifications } = await answered(
      (_, response) => {
        openStream(response)({ method: 'notifications/progress', params: { progressToken: 1 } })
        setImmediate(() => response.destroy())
      },
      'tools/call',
      { _meta: { progressToken: 1 } },
    )
    expect(notifications).toHaveLength(1)
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_BROKEN' }])
  })

  function result(json: string): string {
    return `{"jsonrpc":"2.0","id":ID,"result":${json}}`
  }

  function rpcError(code: number, id: 'ID' | null = 'ID'): string {
    return `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":"m"}}`
  }
})

describe('the look-up of a tool', () => {
  const annotated = {
    name: 't',
    inputSchema: { properties: { a: { type: 'string', 'x-mcp-header': 'A' } } },
  }
  const refuse = (id: unknown, response: ServerResponse) =>
    answerJson(response, { id, error: { code: -32_020, message: 'm' } }, 400)
  const call = { name: 't', arguments: { a: 'x' } }

  it('goes through the pages until the tool is there', async () => {
    const { results, asked } = await answered(
      ({ id, method, params, headers }, response) => {
        if (method === 'tools/list') {
          const page = Number(params['cursor'] ?? 0)
          const tools = page === 2 ? [annotated] : [{ name: `x${page}` }]
          answerJson(response, { id, result: { tools, nextCursor: String(page + 1) } })
        } else if (headers['mcp-param-a'] === 'x') answerJson(response, { id, result: { ok: 1 } })
        else refuse(id, response)
      },
      'tools/call',
      call,
    )
    expect(results).toMatchObject([{ ok: 1 }])
    expect(asked.map(({ method, params }) => [method, params['cursor']])).toEqual([
      ['tools/call', undefined],
      ['tools/list', undefined],
      ['tools/list', '1'],
      ['tools/list', '2'],
      ['tools/call', undefined],
    ])
  })

  it.each([
    ['has no such tool', { tools: [] }, 2],
    ['has the tool without annotations', { tools: [{ name: 't' }] }, 2],
    ['has the tool, whose headers are still not taken', { tools: [annotated] }, 3],
    ['is none', {}, 2],
  ])('ends the call when the list %s', async (_, list, requests) => {
    const { failures, asked } = await answered(
      ({ id, method }, response) => {
        if (method === 'tools/list') answerJson(response, { id, result: list })
        else refuse(id, response)
      },
      'tools/call',
      call,
    )
    expect(failures).toMatchObject([{ code: 'GW_UPSTREAM_PROTOCOL' }])
    expect(asked).toHaveLength(requests)
  })

  it('is for the endpoint that missed the headers', async () => {
    const server = () =>
      scripted(({ id, method, headers }, response) => {
        if (method === 'tools/list') answerJson(response, { id, result: { tools: [annotated] } })
        else if (headers['mcp-param-a'] === 'x') answerJson(response, { id, result: {} })
        else refuse(id, response)
      })
    const servers = [await server(), await server(), await server()]
    const { view } = await backOf(servers.map(({ url }) => url))
    await resultOf(view, 'tools/call', call)
    const calls = servers.map(
      (it) => it.asked.filter(({ method }) => method === 'tools/call').length,
    )
    expect(calls.toSorted((a, b) => a - b)).toEqual([0, 0, 2])
  })

  it('ends with the call when that is cancelled', async () => {
    const held: ServerResponse[] = []
    const server = await scripted(({ id, method }, response) => {
      if (method === 'tools/list') held.push(response)
      else refuse(id, response)
    })
    const { view } = await backOf([server.url])
    const { call: cancellable, heard } = begin(view, 'tools/call', call)
    await until(() => held.length === 1, 'the look-up')
    cancellable.cancel()
    await until(() => held[0]?.destroyed === true, 'the end of the look-up')
    expect(heard).toEqual({ notifications: [], results: [], errors: [], failures: [] })
    expect(server.asked).toHaveLength(2)
  })

  it('leaves tools out of lists whose annotations are wrong, and says so once', async () => {
    const wrong = {
      name: 'w',
      inputSchema: { properties: { a: { type: 'object', 'x-mcp-header': 'A' } } },
    }
    const server = await scripted(({ id }, response) =>
      answerJson(response, { id, result: { tools: [wrong, annotated], nextCursor: 'n' } }),
    )
    const { view, warnings } = await backOf([server.url])
    for (let count = 0; count < 2; count++) {
      expect(await resultOf(view, 'tools/list')).toMatchObject({
        tools: [{ name: 't' }],
        nextCursor: 'n',
      })
    }
    expect(warnings).toEqual([expect.stringContaining('w: a:')])
  })
})

describe('a task', () => {
  it('is asked for at the endpoint that has it, by the caller who began it', async () => {
    const server = (name: string) =>
      scripted(({ id, method }, response) => {
        const task = { resultType: 'task', taskId: '1', status: 'working' }
        const text = { content: [{ type: 'text', text: name }], _meta: { from: name } }
        answerJson(response, { id, result: method === 'tools/call' ? { ...task, ...text } : text })
      })
    const servers = [await server('a'), await server('b')]
    const { view } = await backOf(servers.map(({ url }) => url))
    const begun = new Map<string, string | undefined>()
    for (const key of ['one', 'two']) {
      begun.set(key, textOf(await resultOf(view, 'tools/call', { name: 't' }, { key })))
    }
    expect(new Set(begun.values()).size).toBe(2)
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel', 'tasks/get']) {
      for (const [key, name] of begun) {
        expect(textOf(await resultOf(view, method, { taskId: '1' }, { key }))).toBe(name)
      }
    }
    expect(servers[0]?.asked.at(-1)?.headers).toMatchObject({ 'mcp-name': '1' })
  })
})

describe('a subscription', () => {
  const acknowledge = (say: (message: object) => void, notifications: object) =>
    say({ method: 'notifications/subscriptions/acknowledged', params: { notifications } })
  const filter = { toolsListChanged: true, resourceSubscriptions: ['a:b', 'a:c'] }
  const toolsChanged = { method: 'notifications/tools/list_changed' }

  async function listening(script: Script, clock = manualClock()) {
    const server = await scripted(script)
    const back = await backOf([server.url], { clock })
    return { ...listen(back.view, filter), ...back, server, clock }
  }

  it('sends its filter and leaves out what nobody asked for', async () => {
    const { heard, server } = await listening((_, response) => {
      const say = openStream(response)
      say(toolsChanged)
      acknowledge(say, {
        toolsListChanged: true,
        promptsListChanged: true,
        resourceSubscriptions: ['a:c'],
      })
      acknowledge(say, {})
      say({ method: 'notifications/prompts/list_changed' })
      say({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
      say({ id: 'x', method: 'roots/list' })
      const _meta = { 'io.modelcontextprotocol/subscriptionId': 1, kept: 1 }
      say({ method: 'notifications/resources/updated', params: { uri: 'a:c', _meta } })
    })
    await until(() => heard.changes.length > 0, 'a change')
    expect(server.asked[0]).toMatchObject({
      method: 'subscriptions/listen',
      params: { notifications: filter },
      headers: { 'mcp-method': 'subscriptions/listen' },
    })
    expect(heard).toEqual({
      acknowledged: [{ toolsListChanged: true, resourceSubscriptions: ['a:c'] }],
      changes: [
        { method: 'notifications/resources/updated', params: { uri: 'a:c', _meta: { kept: 1 } } },
      ],
      failures: [],
      ends: 0,
    })
  })

  it.each([
    ['with its result', (id: unknown) => [{ id, result: { resultType: 'complete' } }]],
    [
      'with a cancellation',
      (id: unknown) => [{ method: 'notifications/cancelled', params: { requestId: id } }],
    ],
    ['with both', (id: unknown) => [{ id, result: {} }, { method: 'notifications/cancelled' }]],
    ['without a word', () => []],
  ])('is over in good order when the server ends it %s', async (_, last) => {
    const { heard, server } = await listening(({ id }, response) => {
      const say = openStream(response)
      acknowledge(say, filter)
      const messages = last(id)
      for (const message of messages) say(message)
      // The others are the end, whether the stream is closed or not.
      if (messages.length === 0) response.end()
    })
    await until(() => heard.ends + heard.failures.length > 0, 'the end')
    expect(heard).toMatchObject({ ends: 1, failures: [], acknowledged: [filter] })
    await until(
      () => server.sockets.size === 0 || last(0).length === 0,
      'the end of the connection',
    )
  })

  it('has failed when the connection breaks', async () => {
    const { heard } = await listening((_, response) => {
      acknowledge(openStream(response), filter)
      setImmediate(() => response.destroy())
    })
    await until(() => heard.failures.length > 0, 'the failure')
    expect(heard).toMatchObject({ failures: [{ code: 'GW_UPSTREAM_BROKEN' }], ends: 0 })
  })

  it('has failed when it ends before it was acknowledged', async () => {
    const { heard } = await listening((_, response) => {
      openStream(response)({ method: 'notifications/tools/list_changed' })
      response.end()
    })
    await until(() => heard.failures.length > 0, 'the failure')
    expect(heard).toMatchObject({ failures: [{ code: 'GW_UPSTREAM_BROKEN' }], changes: [] })
  })

  it.each([
    ['not known', 404, { error: { code: -32_601, message: 'm' } }, -32_601, 0],
    ['one too many', 200, { error: { code: -32_603, message: 'm' } }, -32_603, 0],
    ['of another era', 400, { error: { code: -32_000, message: 'm' } }, 'GW_WRONG_ERA', 1],
  ])('that is %s is refused', async (_, status, message, code, doubts) => {
    const back = await listening(({ id }, response) =>
      answerJson(response, { id, ...message }, status),
    )
    await until(() => back.heard.failures.length > 0, 'the refusal')
    expect(back.heard.failures).toMatchObject([{ code }])
    expect(back.doubts()).toBe(doubts)
  })

  it('that is not acknowledged in time is given up', async () => {
    const { heard, clock, server } = await listening((_, response) => void openStream(response))
    await until(() => server.asked.length === 1, 'the request')
    clock.advance(29_999)
    expect(heard.failures).toEqual([])
    clock.advance(1)
    expect(heard.failures).toMatchObject([{ code: 'GW_UPSTREAM_TIMEOUT' }])
    await until(() => server.sockets.size === 0, 'the end of the connection')
  })

  it('that is cancelled leaves nothing behind', async () => {
    const { heard, call, clock, server } = await listening(
      (_, response) => void openStream(response),
    )
    const timers = clock.pending
    await until(() => server.asked.length === 1, 'the request')
    call.cancel()
    await until(() => server.sockets.size === 0, 'the end of the connection')
    expect(clock.pending).toBe(timers - 1)
    expect(heard).toEqual({ acknowledged: [], changes: [], failures: [], ends: 0 })
  })
})
