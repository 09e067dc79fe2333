// A route to one server that speaks the client's era changes nothing but what is its own: the traffic of the official clients
// and of the conformance suite is recorded before and behind the gateway, and compared byte for byte.
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  startEverythingServer,
  type EverythingOptions,
} from '../fixtures/everything-server/server.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { startHttpServer, until } from '../support/servers.ts'
import { compare, type Comparison } from './compare-records.ts'
import type { ClientKind } from './matrix/client.ts'
import { FEATURES } from './matrix/features.ts'
import { sdkV1Streamable } from './matrix/sdk-v1-clients.ts'
import { sdkV2Legacy, sdkV2Modern } from './matrix/sdk-v2-clients.ts'
import { SERVERS } from './matrix/servers.ts'
import { runConformance, type Revision } from './run-conformance.ts'
import { startRecorder, type Recorder } from './recorder.ts'

interface Recording {
  readonly url: string
  /** Waits for what is under way and compares. */
  compared(): Promise<Comparison>
}

/** Client, recorder, gateway, recorder, server. */
async function recordBetween(serverUrl: string): Promise<Recording> {
  const { origin, pathname } = new URL(serverUrl)
  const recorders: Recorder[] = []
  const record = async (target: string, numbers: boolean): Promise<Recorder> => {
    const recorder = await startRecorder({ target, numbers })
    onTestFinished(() => recorder.close())
    recorders.push(recorder)
    return recorder
  }
  const behind = await record(origin, false)
  const gateway = await startTestGateway({
    servers: { mcp: [httpEndpoint(behind.origin + pathname)] },
  })
  const before = await record(gateway.url, true)
  return {
    url: `${before.origin}/mcp`,
    compared: async () => {
      await until(() => recorders.every(({ openCount }) => openCount === 0), 'exchanges to end')
      return compare({ client: before.records, server: behind.records })
    },
  }
}

async function recordEverything(options: EverythingOptions): Promise<Recording> {
  const server = await startEverythingServer(options)
  onTestFinished(() => server.close())
  return recordBetween(server.url)
}

const figures: string[] = []
afterEach(() => {
  for (const line of figures.splice(0)) console.log(line)
})

/** Tells how the everything server calls what is tried. */
const server = SERVERS.find(({ key }) => key === 'sdk2-dual')
/** A client of the modern era cannot come back to a stream that broke. */
const featuresOf = ({ era }: ClientKind) =>
  FEATURES.filter(({ key }) => era === 'legacy' || key !== 'resume')

const CLIENTS = [sdkV1Streamable, sdkV2Legacy, sdkV2Modern]

describe.each(CLIENTS)('$title', (kind) => {
  it.each(['both', kind.era] as const)(
    'sees of a server of the same era, and is seen, as without a gateway (a server of era: %s)',
    async (eras) => {
      const recording = await recordEverything({ eras, oddNames: true })
      for (const feature of featuresOf(kind)) {
        const client = await kind.connect(recording.url)
        if (server !== undefined) await feature.run({ kind, client, server })
        await client.close()
      }
      const { pairs, differences, ownAnswers, probes } = await recording.compared()
      figures.push(`${kind.title}, ${eras}: ${pairs} exchanges, ${probes} probes`)
      expect(differences).toEqual([])
      expect(ownAnswers).toEqual([])
      expect(pairs).toBeGreaterThan(2 * featuresOf(kind).length)
    },
  )
})

/** What no server sees: `method status code` of the gateway's own refusals, and why it must not pass them on. */
const OWN_ANSWERS: Readonly<Record<Revision, Readonly<Record<string, string>>>> = {
  '2025-11-25': {
    'POST 403 GW_HOST_NOT_ALLOWED':
      'The next hop has a Host of its own, so only the gateway can check.',
  },
  '2026-07-28': {
    'POST 400 GW_HEADER_MISMATCH':
      '"Any network intermediary that processes the message body" MUST reject (SEP-2243).',
    'POST 400 GW_INVALID_ENVELOPE': 'Without it nobody knows of which era the message is.',
    'POST 403 GW_HOST_NOT_ALLOWED': 'As above.',
  },
}

describe.each(['2025-11-25', '2026-07-28'] as const)(
  'the conformance suite, %s',
  (requirements) => {
    it('is seen and sees as without a gateway', async () => {
      const recording = await recordEverything({})
      await runConformance({ url: recording.url, requirements })
      const { pairs, differences, ownAnswers, probes } = await recording.compared()
      figures.push(`suite ${requirements}: ${pairs} exchanges, ${probes} probes`)
      expect(differences).toEqual([])
      expect([...new Set(ownAnswers)].toSorted()).toEqual(Object.keys(OWN_ANSWERS[requirements]))
      expect(pairs).toBeGreaterThan(80)
    })
  },
)

describe('what nobody knows', () => {
  it('passes in both directions, in order and spelling', async () => {
    const server = await startHttpServer((request, response) => {
      request.resume()
      response.sendDate = false
      response.writeHead(299, 'Fine', [
        'Content-Type',
        'application/json; charset=utf-8',
        'X-Twice',
        'one',
        'x-twice',
        'two',
        'ETag',
        'W/"a"',
        'MCP-Unknown',
        ' kept ',
      ])
      response.end(
        '{ "jsonrpc" : "2.0", "id" : 1e0, "x": [1.0, 1e400], "result": {"ü":"\\u00fc"} }\n',
      )
    })
    const recording = await recordBetween(server.url)
    const { headers, body, method } = modernRequest('tools/call', { name: 'a', 'x-own': 1 })
    const odd = body.replace('"x-own":1', '"x-own" : 1.00e2 , "ü":"\\u00fc"')
    const sent = {
      ...headers,
      'X-Own': 'a, b',
      traceparent: '00-1-1-01',
      authorization: 'Bearer x',
    }
    const answer = await fetch(`${recording.url}?q=1&q=%20`, { method, headers: sent, body: odd })
    expect(answer.status).toBe(299)
    await answer.text()
    const { pairs, differences } = await recording.compared()
    expect(pairs).toBe(1)
    expect(differences).toEqual([])
  })
})
