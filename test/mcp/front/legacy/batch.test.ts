// Batches, which exist in one revision of the legacy era.
import { describe, expect, it } from 'vitest'
import { readEvents } from '../event-reader.ts'
import { progress, ScriptedView, textResult } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

describe('a batch', () => {
  const batchView = () =>
    new ScriptedView({
      'tools/list': () => ({ tools: [] }),
      'tools/call': ({ sink, request }) => {
        if (request.params['name'] === 'loud') sink.onNotification(progress(1, 1))
        return textResult(String(request.params['name']))
      },
    })

  it('without notifications is answered with an array', async () => {
    const { url } = await startFronts({ view: batchView() })
    const session = await openRawSession(url, { version: '2025-03-26' })
    const answer = await session.post([
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
      { jsonrpc: '2.0', id: 'b', method: 'tools/call', params: { name: 'quiet' } },
      { jsonrpc: '2.0', id: 2, method: 'ping' },
    ])
    expect(answer.headers.get('content-type')).toBe('application/json')
    const responses = (await answer.json()) as { id: unknown }[]
    expect(responses.map(({ id }) => id)).toEqual([2, 1, 'b'])
    expect(responses[1]).toEqual({ jsonrpc: '2.0', id: 1, result: { tools: [] } })
  })

  it('is answered on one stream once something else comes, with every response', async () => {
    const { url } = await startFronts({ view: batchView() })
    const session = await openRawSession(url, { version: '2025-03-26' })
    const events = readEvents(
      await session.post([
        { jsonrpc: '2.0', id: 2, method: 'ping' },
        { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'loud' } },
        { jsonrpc: '2.0', id: 3, method: 'no/such' },
      ]),
    )
    const all = await events.rest()
    expect(all[0]).toMatchObject({ id: 2, result: {} })
    expect(all[1]).toMatchObject(progress(1, 1))
    expect(new Set(all.slice(2).map(({ id }) => id))).toEqual(new Set([1, 3]))
  })

  it.each([
    [
      'with initialize',
      '2025-03-26',
      [{ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }],
      400,
    ],
    [
      'in a session of another version',
      '2025-06-18',
      [{ jsonrpc: '2.0', id: 1, method: 'ping' }],
      400,
    ],
    [
      'that uses an id twice',
      '2025-03-26',
      [
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        { jsonrpc: '2.0', id: 1, method: 'ping' },
      ],
      400,
    ],
  ])('%s is refused', async (_, version, batch, status) => {
    const view = new ScriptedView()
    const { url } = await startFronts({ view })
    const { headers } = await openRawSession(url, { version })
    const { 'mcp-protocol-version': _version, ...fields } = headers as Record<string, string>
    const answer = await fetch(url, {
      method: 'POST',
      headers: fields,
      body: JSON.stringify(batch),
    })
    expect(answer.status).toBe(status)
    const body: unknown = await answer.json()
    expect([body].flat()[0]).toMatchObject({ error: { code: -32_600 } })
    expect(view.calls.length).toBe(1)
  })

  it('of notifications and responses alone is accepted', async () => {
    const { url } = await startFronts({ view: new ScriptedView() })
    const session = await openRawSession(url, { version: '2025-03-26' })
    const answer = await session.post([
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 99, result: {} },
    ])
    expect(answer.status).toBe(202)
  })
})
