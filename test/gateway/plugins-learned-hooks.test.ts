// Plugins as servers of their own that say their hooks themselves, of either era and behind mutual TLS.
import { describe, expect, it } from 'vitest'
import { SPEECHES, startPluginServer } from '../fixtures/plugin-server/server.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'
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
  it('says its hooks itself where they are not written, once for all routes', async () => {
    const { plugins, endpoint } = await startSecurePlugins({
      speaks,
      onHook: shouting,
      onConfig: (name) => ({ name, hooks: ['tool_post_invoke', 'agent_pre_invoke'] }),
    })
    const own = plugin(plugins.url, { endpoint, hooks: undefined })
    const { url, call } = await startWith([own], { routes: { '/other': ['mcp'] } })
    const other = new URL('/other', url)
    const texts = Array.from({ length: 10 }, (_, count) => `call ${count}`)
    const answers = await Promise.all(
      texts.map(async (text, at) =>
        textOf(
          at % 2 === 0 ? await call(echo(text)) : await answerOf(await fetch(other, echo(text))),
        ),
      ),
    )
    expect(answers).toEqual(texts.map((text) => `${text} (seen)`))
    expect(plugins.configsAsked).toEqual(['Redact'])
    expect(new Set(plugins.asked.map(({ hook }) => hook))).toEqual(new Set(['tool_post_invoke']))
  })

  it('is not asked for its hooks where they are written', async () => {
    const onConfig = (name: string) => ({ name, hooks: ['prompt_pre_fetch'] })
    const { plugins, endpoint } = await startSecurePlugins({ speaks, onHook: shouting, onConfig })
    const { call } = await startWith([plugin(plugins.url, { endpoint })])
    expect(textOf(await call())).toBe('HELLO (seen)')
    expect(plugins.configsAsked).toEqual([])
  })

  it('fails the call when it says no hooks, and has no tool to say them', async () => {
    const { plugins, endpoint } = await startSecurePlugins({ speaks, onHook: shouting })
    const { log, lines } = recordingLog()
    const own = plugin(plugins.url, { endpoint, hooks: undefined })
    const { call, server } = await startWith([own], { dependencies: { log } })
    const answer = await call(modernRequest('tools/call', { name: 'slow', arguments: {} }))
    expect(answer).toMatchObject({ status: 502, error: { data: { code: 'GW_PLUGIN_FAILED' } } })
    expect(server.tally.started).toBe(0)
    expect(plugins.asked).toEqual([])
    await until(() => lines.some(({ text }) => text === 'request failed'), 'the log line')
    const failed = lines.find(({ text }) => text === 'request failed')?.fields['error'] as Error
    expect(failed.cause).toMatchObject({
      message: 'it did not say its hooks, which are not written either',
      cause: { message: expect.stringMatching(/-32602|[Uu]nknown tool|not found/) as string },
    })
  })
})

describe('a plugin that was down', () => {
  it('may be back with other hooks, which it is asked for anew', async () => {
    const first = await startPluginServer({
      speaks: 'legacy',
      onHook: shouting,
      onConfig: () => ({ hooks: ['tool_pre_invoke'] }),
    })
    const { call } = await startWith([plugin(first.url, { hooks: undefined })])
    expect(textOf(await call())).toBe('HELLO')
    await first.close()
    expect((await call()).status).toBe(502)
    await startPluginServer({
      speaks: 'legacy',
      onHook: shouting,
      onConfig: () => ({ hooks: ['tool_post_invoke'] }),
      port: first.port,
    })
    await expect.poll(async () => textOf(await call())).toBe('hello (seen)')
  })
})
