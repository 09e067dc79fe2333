// Calls, notifications, cancellations and subscriptions of several callers at three servers, in every order, with ids, names,
// tokens and URIs that collide: each answer reaches who asked, and nothing else does.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { JsonObject } from '../../../src/wire/index.ts'
import type { ViewCall } from '../../../src/mcp/view/server-view.ts'
import { manualClock } from '../../support/manual-clock.ts'
import {
  caller,
  listen,
  merged,
  prompt,
  resource,
  ScriptedView,
  settle,
  tool,
  type Heard,
  type ScriptedCall,
} from './scripted-view.ts'

const SERVERS = ['a', 'a_b', 'b'] as const
const CALLERS = [caller('ann'), caller('bob')]
const URI = 'x://same'
const TOKEN = 1

/** What a client did, and what it heard of it. */
interface Deed {
  readonly server: string
  readonly nonce: number
  readonly call: ViewCall
  readonly heard: unknown[]
  isCancelled: boolean
  isOver: boolean
}

type Step =
  | { readonly do: 'call'; readonly server: number; readonly who: number; readonly how: number }
  | { readonly do: 'notify' | 'answer' | 'refuse' | 'cancel'; readonly which: number }
  | { readonly do: 'listen'; readonly who: number; readonly servers: readonly number[] }
  | { readonly do: 'unlisten'; readonly which: number }
  | { readonly do: 'update'; readonly server: number }
  | { readonly do: 'lose'; readonly server: number }
  | { readonly do: 'wait' }

const place = fc.nat({ max: 50 })
const server = fc.nat({ max: SERVERS.length - 1 })
const who = fc.nat({ max: CALLERS.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      server,
      who,
      how: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom('notify', 'answer', 'refuse', 'cancel'),
      which: place,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('listen' as const),
      who,
      servers: fc.uniqueArray(server),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlisten' as const), which: place }) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('update' as const), server }),
      fc.record({ do: fc.constant('lose' as const), server }),
    ),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'wait' as const }) },
)

/** A subscription, and the URIs whose changes it is to hear of. */
interface Ear {
  readonly heard: Heard
  readonly uris: readonly string[]
  readonly expected: string[]
  isOpen: boolean
}

class World {
  readonly clock = manualClock()
  readonly servers = SERVERS.map(
    (name) =>
      new ScriptedView(name, {
        tools: [tool('same'), tool('b_same')],
        prompts: [prompt('same')],
        resources: [resource(URI)],
        templates: [],
      }),
  )
  readonly view = merged(this.servers, { clock: this.clock })
  readonly deeds: Deed[] = []
  readonly ears: Ear[] = []
  /** What went another way than it has to. */
  readonly surprises: string[] = []
  #nonce = 0

  async take(step: Step): Promise<void> {
    if (step.do === 'call') this.#call(step)
    else if (step.do === 'listen') await this.#listen(step)
    else if (step.do === 'unlisten') this.#unlisten(step.which)
    else if (step.do === 'update') this.#update(step.server)
    else if (step.do === 'lose') await this.#lose(step.server)
    else if (step.do === 'wait') await settle()
    else await this.#goOn(step.do, step.which)
  }

  /** The call at its server that belongs to a deed, known by what the client put into it. */
  upstreamOf({ server, nonce }: Deed): ScriptedCall | undefined {
    return this.servers
      .find(({ name }) => name === server)
      ?.calls.find(({ request }) => request.params['nonce'] === nonce)
  }

  #call({ server, who, how }: Extract<Step, { do: 'call' }>): void {
    const name = SERVERS[server] as string
    const nonce = this.#nonce++
    // The tool b_same of server a would be a_b_same, which is same of server a_b.
    const named: [string, JsonObject] = [
      ['tools/call', { name: `${name}_same` }],
      ['tools/call', { name: name === 'a' ? 'a.b_same' : `${name}_b_same` }],
      ['prompts/get', { name: `${name}_same` }],
      ['resources/read', { uri: name === 'a' ? URI : `sallyport://${name}/${URI}` }],
    ][how] as [string, JsonObject]
    const heard: unknown[] = []
    const end = (what: unknown): void => {
      heard.push(what)
      deed.isOver = true
    }
    const params = { ...named[1], nonce, _meta: { progressToken: TOKEN } }
    const call = this.view.call(
      { method: named[0], params, logLevel: 'info', caller: CALLERS[who] as never, headers: [] },
      {
        onNotification: ({ params }) => void heard.push(params?.['nonce']),
        onResult: (result) => end(result['nonce']),
        onError: ({ data }) => end(data),
        onFailure: (error) => end(error.code),
      },
    )
    const deed: Deed = { server: name, nonce, call, heard, isCancelled: false, isOver: false }
    this.deeds.push(deed)
  }

  async #goOn(what: 'notify' | 'answer' | 'refuse' | 'cancel', which: number): Promise<void> {
    const open = this.deeds.filter((it) => !it.isOver && !it.isCancelled)
    const deed = open[which % Math.max(1, open.length)]
    if (deed === undefined) return
    const { nonce } = deed
    if (what === 'cancel') {
      deed.isCancelled = true
      deed.call.cancel()
      return
    }
    await settle()
    const sink = this.upstreamOf(deed)?.sink
    this.#insist(sink !== undefined, 'a call did not reach its server')
    if (what === 'notify') {
      sink?.onNotification({
        method: 'notifications/progress',
        params: { progressToken: TOKEN, nonce },
      })
    } else if (what === 'answer') {
      sink?.onResult({
        resultType: 'complete',
        nonce,
        content: [{ type: 'resource_link', uri: URI }],
      })
    } else sink?.onError({ code: -32_000, message: 'no', data: nonce })
  }

  async #listen({ who, servers }: Extract<Step, { do: 'listen' }>): Promise<void> {
    const uris = servers.map((it) => `sallyport://${SERVERS[it]}/${URI}`)
    const heard = listen(this.view, { resourceSubscriptions: uris }, CALLERS[who])
    this.ears.push({ heard, uris, expected: [], isOpen: true })
    await settle()
    const honoured = heard.acknowledged[0]?.resourceSubscriptions ?? []
    this.#insist(isDeepStrictEqual(honoured.toSorted(), uris.toSorted()), 'a wrong acknowledgement')
  }

  #unlisten(which: number): void {
    const ear = this.ears[which % Math.max(1, this.ears.length)]
    if (ear === undefined) return
    ear.isOpen = false
    ear.heard.call.cancel()
  }

  #update(server: number): void {
    const [view, name] = [this.servers[server] as ScriptedView, SERVERS[server]]
    // One stream per caller that listens; each is told once.
    view.change('notifications/resources/updated', { uri: URI })
    this.#expectHeard(`sallyport://${name}/${URI}`)
  }

  /** A lost stream comes back, and whoever listened on it is told once, in case something was missed. */
  async #lose(server: number): Promise<void> {
    const view = this.servers[server] as ScriptedView
    const lost = view.openListens.filter((it) => it.request.filter.resourceSubscriptions)
    for (const it of lost) {
      it.isCancelled = true
      it.sink.onEnd()
    }
    this.clock.advance(60_000)
    await settle()
    if (lost.length > 0) this.#expectHeard(`sallyport://${SERVERS[server]}/${URI}`)
  }

  #expectHeard(uri: string): void {
    for (const ear of this.ears) if (ear.isOpen && ear.uris.includes(uri)) ear.expected.push(uri)
  }

  /** Looks at all that was heard, when everything is said. */
  check(): void {
    for (const deed of this.deeds) {
      const upstream = this.upstreamOf(deed)
      const isTold = upstream === undefined || upstream.isCancelled === deed.isCancelled
      const strangers = this.servers.filter(({ name }) => name !== deed.server)
      const isElsewhere = strangers.some(({ calls }) =>
        calls.some(({ request }) => request.params['nonce'] === deed.nonce),
      )
      this.#insist(
        deed.heard.every((it) => it === deed.nonce),
        'somebody heard another’s answer',
      )
      this.#insist(deed.isCancelled || upstream !== undefined, 'a call was lost')
      this.#insist(isTold, 'a cancellation missed its call')
      this.#insist(!isElsewhere, 'a call reached another server')
    }
    for (const { heard, expected } of this.ears) {
      const uris = heard.changes.map(({ params }) => params?.['uri'])
      const counts = [heard.acknowledged.length, heard.ends, heard.failures.length]
      this.#insist(
        isDeepStrictEqual(uris, expected),
        `changes ${uris.join()}, not ${expected.join()}`,
      )
      this.#insist(isDeepStrictEqual(counts, [1, 0, 0]), 'a subscription did not live on')
    }
  }

  #insist(isSo: boolean, surprise: string): void {
    if (!isSo) this.surprises.push(surprise)
  }
}

it('brings every answer and change to those it belongs to, and to nobody else', async () => {
  const seen = { answers: 0, changes: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }),
      async (steps) => {
        const world = new World()
        for (const it of steps) await world.take(it)
        await settle()
        world.check()
        expect(world.surprises).toEqual([])
        seen.answers += world.deeds.filter((it) => it.isOver).length
        seen.changes += world.ears.reduce((sum, it) => sum + it.expected.length, 0)
        world.view.close()
      },
    ),
    { numRuns: 2_000 },
  )
  expect(seen.answers).toBeGreaterThan(5_000)
  expect(seen.changes).toBeGreaterThan(1_000)
}, 60_000)
