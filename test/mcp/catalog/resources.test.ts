import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UriCode } from '../../../src/mcp/catalog/uri-code.ts'
import type { JsonObject } from '../../../src/wire/index.ts'
import {
  ask,
  caller,
  itemsOf,
  listed,
  merged,
  resource,
  ScriptedView,
  template,
  tool,
  unreachable,
} from './scripted-view.ts'

const COMPLETE = { resultType: 'complete' }

/** A server that knows these URIs, and says of others that it does not. */
function library(
  name: string,
  uris: readonly string[],
  templates: readonly string[] = [],
): ScriptedView {
  const view = new ScriptedView(name, {
    resources: uris.map(resource),
    templates: templates.map(template),
    tools: [],
  })
  view.intercept = ({ request, sink }) => {
    if (request.method !== 'resources/read') return false
    const uri = request.params['uri'] as string
    const isKnown = view.script.resources?.some((it) => (it as JsonObject)['uri'] === uri)
    if (isKnown === true || templates.length > 0) {
      sink.onResult({ ...COMPLETE, contents: [{ uri, text: name }] })
    } else sink.onError({ code: -32_602, message: 'Resource not found' })
    return true
  }
  return view
}

async function read(view: ReturnType<typeof merged>, uri: string, who = caller('ann')) {
  const { result, error, failure } = await ask(view, 'resources/read', { uri }, who).answer
  return result?.['contents'] ?? error?.code ?? failure?.code
}

describe('UriCode', () => {
  it('gives back what it wrapped', () => {
    const code = new UriCode(['a', 'a_b'])
    const uri = fc.oneof(
      fc.webUrl(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('ui://x/y', 'sallyport://a/x'),
    )
    fc.assert(
      fc.property(fc.constantFrom('a', 'a_b'), uri, (server, own) => {
        expect(code.unwrap(code.wrap({ server, uri: own }))).toEqual({ server, uri: own })
      }),
      { numRuns: 2_000 },
    )
  })

  it.each(['sallyport://c/x', 'sallyport://a', 'sallyport:/a/x', 'ui://sallyport/a/x', 'x'])(
    'takes %s for no wrapped one',
    (uri) => expect(new UriCode(['a']).unwrap(uri)).toBeUndefined(),
  )
})

describe('resources', () => {
  it('keep their URIs; of two with the same one the later is wrapped', async () => {
    const view = merged([library('a', ['x://1', 'x://2']), library('b', ['x://2', 'x://3'])])
    expect(await listed(view, 'resources/list')).toEqual([
      'x://1',
      'x://2',
      'sallyport://b/x://2',
      'x://3',
    ])
  })

  it('are read where they are, and come back by the URI they were asked for by', async () => {
    const view = merged([library('a', ['x://1', 'x://2']), library('b', ['x://2', 'x://3'])])
    for (const [uri, server] of [
      ['x://1', 'a'],
      ['x://2', 'a'],
      ['sallyport://b/x://2', 'b'],
      ['x://3', 'b'],
      ['sallyport://b/x://3', 'b'],
    ] as const) {
      expect(await read(view, uri)).toEqual([{ uri, text: server }])
    }
  })

  it('are read by the template that says most', async () => {
    const view = merged([library('a', [], ['x://{+any}']), library('b', [], ['x://docs/{id}'])])
    expect(await read(view, 'x://docs/7')).toEqual([{ uri: 'x://docs/7', text: 'b' }])
    expect(await read(view, 'x://other/7')).toEqual([{ uri: 'x://other/7', text: 'a' }])
  })

  it('that no list knows are asked for in turn', async () => {
    const [a, b, c] = [
      library('a', []),
      library('b', ['x://1']),
      new ScriptedView('c', { tools: [] }),
    ]
    const view = merged([c, a, b])
    await listed(view, 'resources/list')
    b.script.resources = [resource('x://1'), resource('x://hidden')]
    expect(await read(view, 'x://hidden')).toEqual([{ uri: 'x://hidden', text: 'b' }])
    expect([a, b, c].map((it) => it.asked('resources/read').length)).toEqual([1, 1, 0])
    expect(await read(view, 'x://nowhere')).toBe(-32_602)
  })

  it('are not said to be unknown when a server that may have them fails', async () => {
    const a = library('a', [])
    const own = a.intercept
    const view = merged([a, library('b', [])])
    await listed(view, 'resources/list')
    a.intercept = (call) => {
      if (call.request.method !== 'resources/read') return own(call)
      call.sink.onFailure(unreachable())
      return true
    }
    expect(await read(view, 'x://1')).toBe('GW_UPSTREAM_UNREACHABLE')
  })

  it('ends the asking when the client leaves', async () => {
    const [a, b] = [library('a', []), library('b', [])]
    const view = merged([a, b])
    await listed(view, 'resources/list')
    await listed(view, 'resources/templates/list')
    a.intercept = () => true
    const { call } = ask(view, 'resources/read', { uri: 'x://1' })
    await new Promise(setImmediate)
    call.cancel()
    expect(a.asked('resources/read').map((it) => it.isCancelled)).toEqual([true])
    expect(b.asked('resources/read')).toEqual([])
  })

  it('whose own URI looks wrapped are wrapped again', async () => {
    const view = merged([library('a', ['x://1']), library('b', ['sallyport://a/x://1'])])
    const [, second] = await listed(view, 'resources/list')
    expect(second).toBe('sallyport://b/sallyport://a/x://1')
    expect(await read(view, second as string)).toEqual([{ uri: second, text: 'b' }])
    expect(await read(view, 'sallyport://a/x://1')).toMatchObject([{ text: 'a' }])
  })

  it('of one server alone are passed through', async () => {
    const a = library('a', ['sallyport://a/x'])
    const view = merged([a])
    expect(await listed(view, 'resources/list')).toEqual(['sallyport://a/x'])
    expect(await read(view, 'sallyport://a/x')).toEqual([{ uri: 'sallyport://a/x', text: 'a' }])
  })
})

describe('templates', () => {
  it('of the same text are wrapped but for the first, and expand to what leads back', async () => {
    const view = merged([
      library('a', [], ['x://{+id}']),
      library('b', [], ['x://{+id}', 'y://{id}']),
    ])
    expect(await listed(view, 'resources/templates/list')).toEqual([
      'x://{+id}',
      'sallyport://b/x://{+id}',
      'y://{id}',
    ])
    expect(await read(view, 'sallyport://b/x://q%20r/s?t#u')).toMatchObject([{ text: 'b' }])
  })
})

describe('URIs in results', () => {
  const links = (uris: readonly string[]) => ({
    ...COMPLETE,
    content: [
      { type: 'text', text: 'x://2' },
      ...uris.map((uri) => ({ type: 'resource_link', uri, name: 'link' })),
      ...uris.map((uri) => ({ type: 'resource', resource: { uri, text: 't' } })),
    ],
  })

  it('lead to the server whose result it is', async () => {
    const [a, b] = [library('a', ['x://1', 'x://2']), library('b', ['x://2', 'x://3'])]
    const view = merged([a, b])
    await listed(view, 'resources/list')
    await listed(view, 'resources/templates/list')
    const { answer } = ask(view, 'tools/call', { name: 'b_x' })
    b.asked('tools/call')[0]?.sink.onResult(links(['x://2', 'x://3']))
    expect((await answer).result).toEqual(links(['sallyport://b/x://2', 'x://3']))
    const got = ask(view, 'prompts/get', { name: 'b_p' })
    const message = (uri: string) => ({
      ...COMPLETE,
      messages: [{ role: 'user', content: { type: 'resource', resource: { uri, text: 't' } } }],
    })
    b.asked('prompts/get')[0]?.sink.onResult(message('x://2'))
    expect((await got.answer).result).toEqual(message('sallyport://b/x://2'))
  })

  it('that no list knows stay as they are, and are read where they came from', async () => {
    const [a, b] = [library('a', ['y://'], []), library('b', ['z://'], [])]
    const view = merged([a, b])
    for (const who of ['ann', 'bob'].map((it) => caller(it))) {
      await listed(view, 'resources/list', {}, who)
    }
    for (const it of [a, b]) it.script.resources = [resource('x://new')]
    for (const [server, uri] of [
      [b, 'x://new'],
      [a, 'sallyport://a/x://new'],
    ] as const) {
      const { answer } = ask(view, 'tools/call', { name: `${server.name}_x` })
      server.asked('tools/call')[0]?.sink.onResult(links(['x://new']))
      expect((await answer).result).toEqual(links([uri]))
    }
    expect(await read(view, 'x://new')).toMatchObject([{ text: 'b' }])
    // What one caller was told is not remembered for another.
    expect(await read(view, 'x://new', caller('bob'))).toMatchObject([{ text: 'a' }])
  })

  it('that look wrapped are wrapped again', async () => {
    const [a, b] = [library('a', ['x://1']), library('b', [])]
    const { answer } = ask(merged([a, b]), 'tools/call', { name: 'b_x' })
    b.asked('tools/call')[0]?.sink.onResult(links(['sallyport://b/x://1']))
    expect((await answer).result).toEqual(links(['sallyport://b/sallyport://b/x://1']))
  })

  it('of a read are those of the parts it gave', async () => {
    const [a, b] = [library('a', ['x://1', 'x://1/p']), library('b', ['x://1', 'x://1/p'])]
    b.intercept = ({ request, sink }) => {
      if (request.method !== 'resources/read') return false
      sink.onResult({ ...COMPLETE, contents: [{ uri: 'x://1' }, { uri: 'x://1/p' }] })
      return true
    }
    const view = merged([a, b])
    await listed(view, 'resources/list')
    expect(await read(view, 'sallyport://b/x://1')).toEqual([
      { uri: 'sallyport://b/x://1' },
      { uri: 'sallyport://b/x://1/p' },
    ])
  })
})

describe('tools with apps', () => {
  it('name the resource of their own server, as a ui: URI', async () => {
    const app = (uri: string) => ({
      'ui/resourceUri': uri,
      'openai/outputTemplate': uri,
      ui: { resourceUri: uri, visibility: ['model'] },
    })
    const views = ['a', 'b'].map((name) => {
      const view = library(name, ['ui://app', `ui://${name}`])
      view.script.tools = [
        tool('x', { _meta: app('ui://app') }),
        tool('y', { _meta: app(`ui://${name}`) }),
        tool('z'),
      ]
      return view
    })
    const view = merged(views)
    const { result } = await ask(view, 'tools/list').answer
    const metas = itemsOf(result as JsonObject).map((it) => it['_meta'])
    expect(metas).toEqual([
      app('ui://app'),
      app('ui://a'),
      undefined,
      app('ui://sallyport/b/ui://app'),
      app('ui://b'),
      undefined,
    ])
    expect(await read(view, 'ui://sallyport/b/ui://app')).toMatchObject([{ text: 'b' }])
  })
})
