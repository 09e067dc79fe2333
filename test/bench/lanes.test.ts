// The load on the lanes and the servers behind them: what counts as an answer, and what is refused. Nothing here looks at how
// long anything takes.
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBackend } from '../../bench/backend.ts'
import { MODERN_ENVELOPE, type CallScript, type Era } from '../../bench/call.ts'
import { makeCertificate } from '../../bench/certificate.ts'
import { AnswerTemplate, LearningJudge } from '../../bench/lanes/answer-template.ts'
import {
  expectedNotes,
  expectedTools,
  KNOWN_NOTES,
  NOTES_TOOL,
  scriptOfWork,
  SERVER_INFO_KEY,
  type JsonValue,
  type LaneWork,
} from '../../bench/lanes/notes.ts'
import { runLane } from '../../bench/lanes/run-lane.ts'
import { laneServerPath } from '../../bench/lanes/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function startServers() {
  const backend = await startBackend(makeCertificate(temporaryFolder()))
  onTestFinished(() => backend.stop())
  return backend
}

const callTo = (era: Era, server: Era = era, kib = 1): LaneWork => ({
  kind: 'call',
  era,
  kib,
  path: laneServerPath(server, 'notes'),
  tool: NOTES_TOOL,
})

const modernCall = callTo('modern')
const ID = 1_000_000_042

const answerTo = (result: unknown, id: number = ID): Buffer =>
  Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }))

describe('a call on a lane', () => {
  it.each(KNOWN_NOTES)('has the length that its row says: $era, $kib KiB', ({ era, kib }) => {
    expect(scriptOfWork(callTo(era, era, kib)).body).toHaveLength(kib * 1_024)
  })

  it('has the same arguments whatever the tool is called', () => {
    const argumentsOf = ({ body }: CallScript): unknown =>
      (JSON.parse(body.toString()) as { params: JsonValue }).params['arguments']
    const merged = scriptOfWork({ ...modernCall, tool: 'notes_search_notes' } as LaneWork)
    expect(argumentsOf(merged)).toEqual(argumentsOf(scriptOfWork(modernCall)))
    expect(merged.head({ authority: 'a', sessionId: undefined })).toContain(
      `Mcp-Name: notes_search_notes\r\nContent-Length: ${merged.body.length}\r\n`,
    )
  })
})

describe('the load on a lane', () => {
  const load = async (work: LaneWork) => {
    const backend = await startServers()
    const result = await runLane({
      work,
      destination: { protocol: 'http', port: backend.ports.http, ca: '' },
      connections: 3,
      warmUpMs: 5,
      measureMs: 20,
      pids: [process.pid],
      companionPids: [],
    })
    return { backend, result }
  }

  it.each([
    callTo('modern'),
    callTo('legacy'),
    callTo('modern', 'modern', 64),
    callTo('legacy', 'legacy', 64),
  ])('counts what the server counts: $era, $kib KiB', async (work) => {
    const { backend, result } = await load(work)
    expect(result.count).toBeGreaterThan(0)
    expect(backend.callCount()).toBe(result.totalCount)
  })

  it('is refused where nobody translates', async () => {
    await expect(load(callTo('modern', 'legacy'))).rejects.toThrow('answered with status 400')
    await expect(load(callTo('legacy', 'modern'))).rejects.toThrow('initialize was answered with')
  })

  it('is refused where nobody takes the prefix off a name', async () => {
    const prefixed = { ...callTo('modern'), tool: 'notes_search_notes' } as LaneWork
    await expect(load(prefixed)).rejects.toThrow('answered with status 400')
  })
})

describe('the first answer', () => {
  const faultOf = (result: unknown, work: LaneWork = modernCall, id?: number) =>
    new LearningJudge(work).faultOf(ID, answerTo(result, id))
  const expected = expectedNotes({ era: 'modern', kib: 1 })

  it('may have its members in any order', () => {
    expect(faultOf(expected)).toBeUndefined()
    expect(faultOf(Object.fromEntries(Object.entries(expected).toReversed()))).toBeUndefined()
  })

  it.each([
    ['another id', expected, ID + 1],
    ['no resultType', { ...expected, resultType: undefined }, ID],
    ['nothing of who the server is', { ...expected, _meta: undefined }, ID],
    ['no structured content', { ...expected, structuredContent: undefined }, ID],
    ['another text', { ...expected, content: [{ type: 'text', text: 'salt' }] }, ID],
    ['something added', { ...expected, ttlMs: 0 }, ID],
    ['nothing', undefined, ID],
  ])('is refused with %s', (_, result, id) => {
    expect(faultOf(result, modernCall, id)).toMatch(/^answered with/)
  })

  it('has nothing of the modern era for a legacy client', () => {
    const legacy = callTo('legacy')
    const bare = expectedNotes({ era: 'legacy', kib: 1 })
    expect(Object.keys(bare)).toEqual(['content', 'structuredContent'])
    expect(faultOf(bare, legacy)).toBeUndefined()
    expect(faultOf({ ...bare, resultType: 'complete' }, legacy)).toMatch(/^answered with/)
  })
})

describe('a merged list', () => {
  const list = { servers: ['a', 'b'], pageSize: 1_000 }
  const work: LaneWork = { kind: 'list', path: '/whole', list }
  const whole = {
    resultType: 'complete',
    tools: expectedTools(list),
    ttlMs: 3_599_000,
    cacheScope: 'public',
    _meta: { [SERVER_INFO_KEY]: { name: 'sallyport', version: '0.1.0' } },
  }

  it('has the tools of all servers in order, under prefixed names', () => {
    const names = whole.tools.map(({ name }) => name)
    expect(names).toHaveLength(40)
    expect([names[0], names[19], names[20]]).toEqual([
      'a_search_notes',
      'a_tool_19',
      'b_search_notes',
    ])
  })

  it('may say less and less how long it is good, but nothing else may change', () => {
    const judge = new LearningJudge(work)
    expect(judge.faultOf(ID, answerTo(whole))).toBeUndefined()
    expect(judge.faultOf(ID + 1, answerTo({ ...whole, ttlMs: 998 }, ID + 1))).toBeUndefined()
    expect(judge.faultOf(ID, answerTo({ ...whole, ttlMs: 0 }))).toMatch(/^answered with 0/)
    expect(judge.faultOf(ID, answerTo({ ...whole, cacheScope: 'privat' }))).toMatch(/bytes/)
  })

  it.each([
    ['a missing server', { ...whole, tools: whole.tools.slice(20) }],
    ['a list that is not to be kept', { ...whole, ttlMs: 0 }],
    ['another order', { ...whole, tools: whole.tools.toReversed() }],
  ])('is refused with %s', (_, result) => {
    expect(new LearningJudge(work).faultOf(ID, answerTo(result))).toMatch(/^answered with/)
  })

  it('has a cursor when it is a page, another one each time', () => {
    const judge = new LearningJudge({ ...work, list: { ...list, pageSize: 30 } })
    const page = (nextCursor: string | undefined) =>
      answerTo({ ...whole, tools: whole.tools.slice(0, 30), cacheScope: 'private', nextCursor })
    expect(judge.faultOf(ID, page(undefined))).toMatch(/^answered with/)
    expect(judge.faultOf(ID, page('sealed-A'))).toBeUndefined()
    expect(judge.faultOf(ID, page('sealed-Bee'))).toBeUndefined()
    expect(judge.faultOf(ID, page(''))).toBeDefined()
  })
})

describe('the template of an answer', () => {
  const first = answerTo(expectedNotes({ era: 'modern', kib: 1 }))
  const template = new AnswerTemplate(ID, first)

  it('takes another id where the first was, and no other', () => {
    const next = answerTo(expectedNotes({ era: 'modern', kib: 1 }), ID + 1)
    expect(template.faultOf(ID + 1, next)).toBeUndefined()
    expect(template.faultOf(ID + 2, next)).toBe(`answered with ${ID + 1} where ${ID + 2} was asked`)
  })

  it('refuses an answer with any byte changed, and every part of one', () => {
    for (let at = 0; at < first.length; at++) {
      const changed = Buffer.from(first)
      changed[at] = (changed[at] as number) ^ 1
      expect(template.faultOf(ID, changed), `byte ${at}`).toBeDefined()
      expect(template.faultOf(ID, first.subarray(0, at)), `cut at ${at}`).toBeDefined()
    }
    expect(template.faultOf(ID, Buffer.concat([first, Buffer.from(' ')]))).toBeDefined()
  })

  it('is not made of an answer in which two places look like the id', () => {
    const twice = Buffer.from(`{"id":${ID},"result":{"id":${ID}}}`)
    expect(() => new AnswerTemplate(ID, twice)).toThrow('cannot be told from the rest')
  })
})

describe('a server behind a lane', () => {
  const modern = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': NOTES_TOOL,
  }
  const withParams = (change: (params: JsonValue) => JsonValue): string => {
    const call = JSON.parse(scriptOfWork(modernCall).body.toString()) as { params: JsonValue }
    return JSON.stringify({ ...call, params: change(call.params) })
  }
  const whole = withParams((params) => params)

  it.each([
    ['a whole call', 200, modern, whole],
    ['a call without its version', 400, { ...modern, 'mcp-protocol-version': '' }, whole],
    ['a call without its method header', 400, { ...modern, 'mcp-method': '' }, whole],
    ['a call with another name', 400, { ...modern, 'mcp-name': 'x' }, whole],
    ['a call in a session', 400, { ...modern, 'mcp-session-id': 'x' }, whole],
    ['a call without envelope', 400, modern, withParams((params) => ({ ...params, _meta: {} }))],
    [
      'a call whose arguments are not as they were sent',
      400,
      modern,
      withParams((params) => ({ ...params, arguments: {} })),
    ],
  ])('of the modern era answers %s with %i', async (_, status, given, body) => {
    const backend = await startServers()
    const url = `http://127.0.0.1:${backend.ports.http}${laneServerPath('modern', 'notes')}`
    const headers = Object.entries(given).filter(([, value]) => value !== '')
    const answer = await fetch(url, { method: 'POST', headers, body })
    await answer.arrayBuffer()
    expect(answer.status).toBe(status)
    expect(backend.callCount()).toBe(status === 200 ? 1 : 0)
  })

  it.each([
    ['outside a session', 404, {}, {}],
    ['with a header of the modern era', 400, { 'mcp-method': 'tools/call' }, {}],
    ['with the envelope of the modern era', 400, {}, { _meta: MODERN_ENVELOPE }],
  ])('of the legacy era answers a call %s with %i', async (_, status, headers, params) => {
    const backend = await startServers()
    const answer = await fetch(
      `http://127.0.0.1:${backend.ports.http}${laneServerPath('legacy', 'notes')}`,
      {
        method: 'POST',
        headers: { 'mcp-protocol-version': '2025-11-25', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
      },
    )
    await answer.arrayBuffer()
    expect(answer.status).toBe(status)
    expect(backend.callCount()).toBe(0)
  })
})
