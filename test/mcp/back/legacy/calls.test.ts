// Requests of modern clients at real servers of the legacy era: over HTTP with sessions and without, and over stdio.
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEverythingServer } from '../../../fixtures/everything-server/server.ts'
import { startSdkV1Server } from '../../../fixtures/sdk-v1-http/server.ts'
import { until } from '../../../support/servers.ts'
import { readValue } from '../../../../src/wire/index.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import { ABLE, backOf, callTool, questionsOf, resultOf, retryOf, stdioLegacy } from './back-of.ts'

async function started<T extends { readonly url: string; close(): Promise<void> }>(
  starting: Promise<T>,
): Promise<T> {
  const server = await starting
  onTestFinished(() => server.close())
  return server
}

const KINDS = {
  'SDK 2 over HTTP': async () => (await started(startEverythingServer())).url,
  'SDK 1 over HTTP with sessions': async () =>
    (await started(startSdkV1Server({ sessions: 'stateful' }))).url,
  'SDK 1 over HTTP without sessions': async () =>
    (await started(startSdkV1Server({ sessions: 'stateless' }))).url,
  'SDK 1 over stdio': async () => stdioLegacy(),
}
const ALL = Object.entries(KINDS)
const WITH_SESSIONS = ALL.filter(([name]) => !name.includes('without'))

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo'

describe.each(ALL)('%s', (_, start) => {
  it('is discovered from its answer to initialize', async () => {
    const { back } = await backOf([await start()])
    expect(await resultOf(back, 'server/discover')).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [SERVER_INFO]: { version: '1.0.0' } },
    })
  })

  it('lists tools with the policy for keeping them, and answers calls', async () => {
    const { back } = await backOf([await start()])
    const list = await resultOf(back, 'tools/list')
    expect(list).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' })
    expect(list['tools']).toContainEqual(expect.objectContaining({ name: 'echo' }))
    const result = await callTool(back, 'echo', { text: 'grüße' })
    expect(result).toMatchObject({ resultType: 'complete', _meta: { [SERVER_INFO]: {} } })
    expect(textOf(result)).toBe('grüße')
    expect(result).not.toHaveProperty('ttlMs')
  })

  it('gives every one of many calls at once its own progress and answer', async () => {
    const { back } = await backOf([await start()])
    const calls = Array.from({ length: 20 }, (_unused, at) =>
      begin(back, 'tools/call', {
        name: 'slow',
        arguments: { steps: at + 1, stepMs: 5 },
        _meta: { progressToken: at % 2 === 0 ? 'same' : at },
      }),
    )
    const heard = await Promise.all(calls.map(({ done }) => done))
    for (const [at, { results, notifications }] of heard.entries()) {
      expect(textOf(results[0])).toBe(`done after ${at + 1} steps`)
      expect(notifications).toHaveLength(at + 1)
      for (const { method, params } of notifications) {
        expect(method).toBe('notifications/progress')
        expect(params).toMatchObject({
          progressToken: at % 2 === 0 ? 'same' : at,
          total: at + 1,
        })
      }
    }
  })

  it('passes an error of the server on in the codes of the modern era', async () => {
    const { back } = await backOf([await start()])
    const { errors } = await ask(back, 'resources/read', { uri: 'test://nothing' })
    expect(errors).toMatchObject([{ code: -32_602 }])
  })

  it.each(['ping', 'initialize', 'logging/setLevel', 'resources/subscribe', 'tasks/list'])(
    'does not offer %s, which only one era has',
    async (method) => {
      const { back } = await backOf([await start()])
      expect((await ask(back, method)).errors).toMatchObject([{ code: -32_601 }])
    },
  )

  it('takes a large answer', async () => {
    const { back } = await backOf([await start()])
    const text = textOf(await callTool(back, 'big', { bytes: 1_000_000 }))
    expect(readValue(text)).toHaveLength(1_000_000)
  })
})

describe.each(WITH_SESSIONS)('%s', (_, start) => {
  it.each([
    ['elicitation', { action: 'accept', content: { answer: 'Ada' } }, 'Ada'],
    [
      'sampling',
      { role: 'assistant', model: 'm', content: { type: 'text', text: 'Ada' } },
      'sampling: {"type":"text","text":"Ada"}',
    ],
    ['roots', { roots: [{ uri: 'file:///home/ada' }] }, 'file:///home/ada'],
  ])('asks for %s within the answer, and goes on with the retry', async (kind, answer, said) => {
    const { back } = await backOf([await start()])
    const params = { name: 'ask', arguments: { kind, message: 'Who?' } }
    const how = { capabilities: ABLE }
    const asked = await resultOf(back, 'tools/call', params, how)
    const questions = questionsOf(asked)
    expect(Object.keys(questions)).toHaveLength(1)
    expect(JSON.stringify(questions)).not.toContain('progressToken')
    expect(back.held.parkedCalls).toBe(1)
    const [key] = Object.keys(questions)
    const retry = retryOf(params, asked, { [String(key)]: answer })
    expect(textOf(await resultOf(back, 'tools/call', retry, how))).toContain(said)
    expect(back.held.parkedCalls).toBe(0)
  })

  it('asks for many calls of one client at once, and each goes on with its own answer', async () => {
    const { back } = await backOf([await start()])
    const how = { capabilities: ABLE }
    const asks = async (who: string): Promise<string | undefined> => {
      const call = { name: 'ask', arguments: { message: who } }
      let result = await resultOf(back, 'tools/call', call, how)
      while (result['resultType'] === 'input_required') {
        const answers = Object.entries(questionsOf(result)).map(([key, { params }]) => {
          const answer = `I am ${(params as { message: string }).message}`
          return [key, { action: 'accept', content: { answer } }]
        })
        const retry = retryOf(call, result, Object.fromEntries(answers))
        result = await resultOf(back, 'tools/call', retry, how)
      }
      return textOf(result)
    }
    const names = Array.from({ length: 12 }, (_unused, at) => `client ${at}`)
    expect(await Promise.all(names.map(asks))).toEqual(
      names.map((name) => expect.stringContaining(`"I am ${name}"`)),
    )
    expect(back.held.parkedCalls).toBe(0)
  })

  it('is told that a client cannot be asked which did not say that it can', async () => {
    const { back } = await backOf([await start()])
    const result = await callTool(back, 'ask', { kind: 'sampling' })
    expect(result).toMatchObject({ resultType: 'complete', isError: true })
  })

  it('hears of a cancellation, and the call is silent from then on', async () => {
    const { back } = await backOf([await start()])
    const { call, heard } = begin(back, 'tools/call', {
      name: 'slow',
      arguments: { steps: 1_000, stepMs: 10 },
      _meta: { progressToken: 1 },
    })
    await until(() => heard.notifications.length > 1, 'the call to be under way')
    call.cancel()
    const before = heard.notifications.length
    await until(async () => {
      const tally = textOf(await callTool(back, 'tally'))
      return JSON.parse(String(tally)).cancelled === 1
    }, 'the server to hear of it')
    expect(heard).toMatchObject({ results: [], errors: [], failures: [] })
    expect(heard.notifications).toHaveLength(before)
  })

  it('sends logs to the calls that want them, and no less severe ones than they want', async () => {
    const { back } = await backOf([await start()])
    const log = (level: string, logLevel?: string) =>
      ask(
        back,
        'tools/call',
        { name: 'log', arguments: { messages: 2, level } },
        { logLevel },
      ).then(({ notifications }) => notifications)
    expect(await log('info')).toEqual([])
    expect(await log('info', 'info')).toMatchObject([
      { method: 'notifications/message', params: { level: 'info', data: 'log 1' } },
      { method: 'notifications/message', params: { level: 'info', data: 'log 2' } },
    ])
    expect(await log('info', 'error')).toEqual([])
    expect(await log('error', 'error')).toHaveLength(2)
    expect(await log('debug', 'debug')).toHaveLength(2)
    expect(await log('debug')).toEqual([])
  })
})
