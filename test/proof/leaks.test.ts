// What translated calls, calls that are parked and abandoned, and subscriptions that are dropped take comes back: memory,
// descriptors, sessions and streams. The gateway is a process of its own; everything is done twice, and measured after each
// time: what the first round leaves behind are caches that have filled, what the second one adds to it is a leak.
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { initialize, legacyMessage, modernRequest } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'
import { heapOf, INSPECTED } from './heap.ts'
import { startLegacyOnly, startModernOnly, type OneEraServer } from './one-era-servers.ts'
import { askable, lastMessage, RawCaller, type Sent } from './raw-caller.ts'

const MIB = 1_048_576
const CALLS = 100_000
const PARKED = 1_000
const SUBSCRIPTIONS = 5_000
/** Each call, parked call or subscription that left an object behind would leave more than this in a round. */
const MAX_HEAP_GROWTH = 1 * MIB
/** Pages that V8 has taken and not given back; the heap above is what tells of leaks. */
const MAX_RESIDENT_GROWTH = 64 * MIB
/** Sources of calls, each a caller of its own to the gateway. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
const AT_ONCE = 32

async function startBoth() {
  const legacy = await startLegacyOnly()
  const modern = await startModernOnly()
  const gateway = await startGatewayProcess(
    {
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: {
        old: {
          endpoints: [{ url: legacy.url }],
          max_connections: 2_000,
          legacy: {
            session_idle_timeout: '1s',
            max_parked_calls: 2_000,
            max_parked_calls_per_caller: 2_000,
            parked_call_timeout: '8s',
          },
        },
        new: { endpoints: [{ url: modern.url }] },
      },
      routes: [
        { path: '/old', servers: ['old'] },
        { path: '/new', servers: ['new'] },
        // Lists in use are kept up, with a stream to each server; two of these without use, and they are let go.
        { path: '/both', servers: ['old', 'new'], catalog: { poll_interval: '1s' } },
      ],
      limits: { accept_rate: 100_000, accept_burst: 100_000, max_subscriptions_per_caller: 1_000 },
      sessions: { idle_timeout: '1s' },
      log: { level: 'error' },
    },
    INSPECTED,
  )
  const heap = await heapOf(gateway, onTestFinished)
  return { legacy, modern, gateway, heap }
}

type Both = Awaited<ReturnType<typeof startBoth>>

interface Plateau {
  readonly heapBytes: number
  readonly residentBytes: number
  readonly descriptors: number
  readonly seconds: number
}

/** Runs `round` twice and waits each time until all is quiet again. */
async function twoRounds(both: Both, round: () => Promise<void>): Promise<readonly Plateau[]> {
  const { gateway, heap } = both
  const plateaus: Plateau[] = []
  for (let at = 0; at < 2; at++) {
    const startedMs = performance.now()
    await round()
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10
    await allQuiet(both)
    plateaus.push({
      heapBytes: await heap.usedBytes(),
      residentBytes: gateway.residentBytes(),
      descriptors: gateway.openDescriptors(),
      seconds,
    })
  }
  console.log(plateaus.map((it) => JSON.stringify(it)).join('\n'))
  return plateaus
}

/** No session at the server, no stream on either side, no connection that is used. */
async function allQuiet({ legacy, modern, gateway }: Both): Promise<void> {
  const held = ({ tally }: OneEraServer): string =>
    `${tally.sessions.size} sessions, ${tally.streams.size} streams, ${tally.asking.size} questions`
  await until(
    async () => {
      const streams = await Promise.all(
        ['/old', '/new', '/both'].map((route) =>
          gateway.metric(`sallyport_event_streams{route="${route}"}`),
        ),
      )
      const connections = legacy.sockets.size + modern.sockets.size
      return (
        streams.every((count) => count === 0) &&
        legacy.tally.sessions.size === 0 &&
        legacy.tally.streams.size + modern.tally.streams.size === 0 &&
        // Each server is looked at from time to time.
        connections <= 4
      )
    },
    'sessions, streams and connections to be over',
    90_000,
  ).catch((thrown: unknown) => {
    throw new Error(`left: ${held(legacy)}; ${held(modern)}`, { cause: thrown })
  })
}

function expectNoGrowth([first, second]: readonly Plateau[]): void {
  if (first === undefined || second === undefined) throw new Error('expected two rounds')
  expect(second.heapBytes - first.heapBytes).toBeLessThan(MAX_HEAP_GROWTH)
  expect(second.residentBytes - first.residentBytes).toBeLessThan(MAX_RESIDENT_GROWTH)
  // Connections of the test itself that are kept alive come and go.
  expect(second.descriptors - first.descriptors).toBeLessThan(AT_ONCE)
}

/** Runs `count` of something, `AT_ONCE` at a time. */
async function repeat(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let started = 0
  const worker = async (): Promise<void> => {
    while (started < count) await act(started++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

const callersOf = (): readonly RawCaller[] =>
  ADDRESSES.map((address) => new RawCaller(address, 1_100))

/** Opens a session of the gateway for a legacy client. */
async function openSession(caller: RawCaller, url: string): Promise<string> {
  const { headers, status, body } = await caller.send(url, initialize())
  const session = headers['mcp-session-id']
  if (typeof session !== 'string') throw new Error(`no session: ${status} ${body}`)
  await caller.send(url, legacyMessage({ method: 'notifications/initialized' }, session))
  return session
}

const echo = (text: string) => ({ name: 'echo', arguments: { text } })

describe('translated calls', () => {
  it(`leave nothing behind, ${CALLS} of them, half in each direction`, async () => {
    const both = await startBoth()
    const url = both.gateway.url
    const round = async (): Promise<void> => {
      const callers = callersOf()
      const sessions = await Promise.all(callers.map((caller) => openSession(caller, `${url}/new`)))
      await repeat(CALLS / 2, async (index) => {
        const lane = index % callers.length
        const caller = callers[lane] as RawCaller
        const text = `call ${index}`
        const isModern = Math.floor(index / callers.length) % 2 === 0
        const { status, body } = isModern
          ? await caller.send(`${url}/old`, modernRequest('tools/call', echo(text), index))
          : await caller.send(
              `${url}/new`,
              legacyMessage(
                { id: index, method: 'tools/call', params: echo(text) },
                sessions[lane],
              ),
            )
        if (status !== 200 || !body.includes(`"${text}"`)) throw new Error(`${status} ${body}`)
      })
      for (const caller of callers) caller.rest()
    }
    const plateaus = await twoRounds(both, round)
    expect(both.legacy.tally.calls).toBe(CALLS / 2)
    expect(both.modern.tally.calls).toBe(CALLS / 2)
    expectNoGrowth(plateaus)
  })
})

describe('calls that wait for input', () => {
  it(`leave nothing behind when nobody comes back, ${PARKED} at once`, async () => {
    const both = await startBoth()
    const { legacy, gateway } = both
    const url = `${gateway.url}/old`
    const states: unknown[] = []
    const ask = (id: number, params: object = {}) =>
      askable(modernRequest('tools/call', { name: 'ask', arguments: {}, ...params }, id), {
        elicitation: { form: {} },
      })
    const round = async (): Promise<void> => {
      const callers = callersOf()
      const cancelledBefore = legacy.tally.cancelled
      await repeat(PARKED, async (index) => {
        const caller = callers[index % callers.length] as RawCaller
        const { status, body } = await caller.send(url, ask(index))
        const { resultType, requestState } = (lastMessage(body)['result'] ?? {}) as Answer
        if (resultType !== 'input_required') throw new Error(`${status} ${body}`)
        states.push(requestState)
      })
      for (const caller of callers) caller.rest()
      expect(legacy.tally.asking.size).toBe(PARKED)
      const isOver = (): boolean =>
        legacy.tally.asking.size === 0 && legacy.tally.cancelled - cancelledBefore === PARKED
      await until(isOver, 'all calls to be given up, and the server to be told', 30_000)
    }
    const plateaus = await twoRounds(both, round)
    expect(new Set(states).size).toBe(2 * PARKED)
    const late = { requestState: states[0], inputResponses: {} }
    const { body } = await new RawCaller().send(url, ask(1, late))
    expect(lastMessage(body)).toMatchObject({ error: { code: -32_602 } })
    expectNoGrowth(plateaus)
  })
})

interface Answer {
  readonly resultType?: string
  readonly requestState?: string
}

describe('subscriptions', () => {
  it(`leave nothing behind when they are dropped, ${SUBSCRIPTIONS} of them`, async () => {
    const both = await startBoth()
    const { url } = both.gateway
    const round = async (): Promise<void> => {
      const callers = callersOf()
      await repeat(SUBSCRIPTIONS / 2, async (index) => {
        const caller = callers[index % callers.length] as RawCaller
        const kind = KINDS[index % KINDS.length] as Subscribe
        await kind(caller, url, index)
      })
      for (const caller of callers) caller.rest()
    }
    const plateaus = await twoRounds(both, round)
    expect(both.modern.tally.subscribed).toBe(0)
    expectNoGrowth(plateaus)
  })
})

type Subscribe = (caller: RawCaller, url: string, index: number) => Promise<void>

const filter = (index: number) => ({
  notifications: { toolsListChanged: true, resourceSubscriptions: [`test://${index % 7}`] },
})

/** Reads the first event of a stream and drops it. */
async function readAndDrop(caller: RawCaller, url: string, sent: Sent): Promise<void> {
  const response = await caller.open(url, sent)
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode}`)
  await once(response, 'data')
  response.destroy()
}

/** How one subscribes, in turn. */
const KINDS: readonly Subscribe[] = [
  // A modern client of a legacy server.
  (caller, url, index) =>
    readAndDrop(
      caller,
      `${url}/old`,
      modernRequest('subscriptions/listen', filter(index), `s-${index}`),
    ),
  // A modern client of both at once.
  (caller, url, index) =>
    readAndDrop(
      caller,
      `${url}/both`,
      modernRequest('subscriptions/listen', filter(index), `s-${index}`),
    ),
  // A legacy client of a modern server: a resource, and the session's event stream. Every other one ends its session.
  async (caller, url, index) => {
    const session = await openSession(caller, `${url}/new`)
    const params = { uri: `test://${index % 7}` }
    const subscribe = legacyMessage({ id: 1, method: 'resources/subscribe', params }, session)
    const { body } = await caller.send(`${url}/new`, subscribe)
    expect(lastMessage(body)).toMatchObject({ id: 1, result: {} })
    const headers = { accept: 'text/event-stream', 'mcp-session-id': session }
    const stream = await caller.open(`${url}/new`, { method: 'GET', headers })
    if (stream.statusCode !== 200) throw new Error(`GET: ${stream.statusCode}`)
    stream.destroy()
    if (index % 2 === 0) await caller.send(`${url}/new`, { method: 'DELETE', headers })
  },
]
