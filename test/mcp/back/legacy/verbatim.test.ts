// Calls in their client's bytes on the sessions of a legacy back: whose session they take, and that they keep it.
import { expect, it } from 'vitest'
import { Content, GatewayError } from '../../../../src/core/index.ts'
import type { LegacyBack } from '../../../../src/mcp/back/legacy/index.ts'
import type { VerbatimCall, VerbatimSink } from '../../../../src/mcp/view/verbatim.ts'
import { until } from '../../../support/servers.ts'
import { ask } from '../modern/view-of.ts'
import { answerJson, backOf, callTool, done, openStream, scripted } from './back-of.ts'

const CALLER = {
  key: 'someone',
  clientInfo: { name: 'client', version: '1' },
  capabilities: {},
}

/** Sends a call as the same client that `callTool` of back-of.ts is; keeps what is heard of it. */
function callVerbatim(back: LegacyBack) {
  const text = '{"jsonrpc":"2.0","id":"own","method":"tools/call","params":{"name":"theirs"}}'
  const spanOf = (part: string) => {
    const start = text.indexOf(part)
    return { start, end: start + part.length }
  }
  const heard: { answers: string[]; failures: string[] } = { answers: [], failures: [] }
  let call: VerbatimCall | undefined
  const sink: VerbatimSink = {
    onAnswer: (answer) => void heard.answers.push(answer.bytes().toString()),
    onUnusual: () => {
      const request = { method: 'tools/call', params: { name: 'mine' }, headers: [] }
      call?.goOn(
        { ...request, caller: CALLER, logLevel: undefined },
        {
          onNotification: () => {},
          onResult: () => {},
          onError: () => {},
          onFailure: ({ code }: GatewayError) => void heard.failures.push(code),
        },
      )
    },
  }
  call = back.callVerbatim(
    {
      caller: CALLER,
      headers: [],
      logLevel: undefined,
      content: Content.of(Buffer.from(text)),
      spans: { id: spanOf('"own"'), name: spanOf('"theirs"'), closed: { start: 0, end: 0 } },
      toolName: 'mine',
    },
    sink,
  )
  return { call, heard }
}

/** A server that answers tool calls named `mine` only when told to. */
async function startServer() {
  const waiting: (() => void)[] = []
  const server = await scripted(({ id, params }, response) => {
    if (params['name'] !== 'mine') return false
    waiting.push(() => answerJson(response, done(id)))
    return true
  })
  return { ...server, waiting }
}

it('are not sent where no session is open for their caller', async () => {
  const server = await startServer()
  const { back } = await backOf([server.url])
  await callTool(back, 'theirs', {}, { key: 'somebody else' })
  expect(callVerbatim(back).call).toBeUndefined()
  expect(server.of('tools/call')).toHaveLength(1)
})

it('keep the session from making room for another while they are under way', async () => {
  const server = await startServer()
  const { back } = await backOf([server.url], { options: { maxSessions: 1 } })
  await callTool(back, 'theirs')
  const { heard } = callVerbatim(back)
  await until(() => server.waiting.length === 1, 'the call at the server')
  const other = () => ask(back, 'tools/list', {}, { key: 'somebody else' })
  const [failure] = (await other()).failures
  expect(failure).toMatchObject({ code: 'GW_UPSTREAM_OVERLOADED' })
  server.waiting[0]?.()
  await until(() => heard.answers.length === 1, 'the answer')
  expect((await other()).failures).toEqual([])
})

it('are not tried for a while at a server that answers with event streams', async () => {
  const server = await scripted(({ id, params }, response) => {
    if (params['name'] !== 'mine') return false
    openStream(response)(done(id))
    response.end()
    return true
  })
  const { back } = await backOf([server.url])
  await callTool(back, 'theirs')
  callVerbatim(back)
  await until(() => server.of('tools/call').length === 2, 'the call at the server')
  const isRefused = () => callVerbatim(back).call === undefined
  await until(isRefused, 'the stream to be seen')
  for (let call = 1; call < 100; call++) expect(isRefused()).toBe(true)
  expect(isRefused()).toBe(false)
})

it('fail when the back is closed', async () => {
  const server = await startServer()
  const { back } = await backOf([server.url])
  await callTool(back, 'theirs')
  const { heard } = callVerbatim(back)
  await until(() => server.waiting.length === 1, 'the call at the server')
  await back.close()
  expect(heard).toEqual({ answers: [], failures: ['GW_DRAINING'] })
  expect(server.of('notifications/cancelled')).toHaveLength(1)
})
