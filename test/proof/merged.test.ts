// Servers of every era and transport behind one path: what works with each of them alone works with it among the others, for
// the official clients of both eras. All have tools, prompts and resources of the same names.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type Gateway } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import type { EndpointOptions } from '../../src/upstream/index.ts'
import { gatewayOptions } from '../support/gateway.ts'
import type { ClientKind, MatrixClient } from './matrix/client.ts'
import { FEATURES } from './matrix/features.ts'
import { gapOf } from './matrix/gaps.ts'
import { sdkV1Sse, sdkV1Streamable } from './matrix/sdk-v1-clients.ts'
import { sdkV2Legacy, sdkV2Modern } from './matrix/sdk-v2-clients.ts'
import type { StartedServer } from './matrix/servers.ts'
import { clientOf, MEMBERS } from './merged/members.ts'

const CLIENTS: readonly ClientKind[] = [sdkV1Streamable, sdkV2Modern, sdkV2Legacy, sdkV1Sse]

const started: StartedServer[] = []
let gateway: Gateway

beforeAll(async () => {
  const servers: Record<string, readonly EndpointOptions[]> = {}
  for (const member of MEMBERS) {
    const it = await member.start()
    started.push(it)
    servers[member.key] = [it.endpoint]
  }
  const names = MEMBERS.map(({ key }) => key)
  const options = gatewayOptions({
    servers,
    tools: Object.fromEntries(
      MEMBERS.map(({ key, renamed }) => [key, renamed === undefined ? {} : { rename: renamed }]),
    ),
    routes: { '/all': names },
    catalog: { pageSize: 1_000, timeoutMs: 15_000 },
    limits: { maxBodyBytes: 16 * 1_048_576 },
  })
  gateway = await startGateway(options, { log: silentLog })
})

afterAll(async () => {
  await gateway.stopNow()
  await Promise.all(started.map((server) => server.close()))
})

const url = (): string => `${gateway.addresses[0]?.url}/all`

describe.each(CLIENTS)('$title', (kind) => {
  let client: MatrixClient

  beforeAll(async () => {
    client = await kind.connect(url())
  })

  afterAll(() => client.close())

  describe.each(MEMBERS)('with $key among the others', (member) => {
    const tried = FEATURES.filter((feature) => gapOf(kind, member, feature) === undefined)
    it.each(tried)('$title', async (feature) => {
      const tryIt = feature.run({ kind, client: clientOf(client, member), server: member })
      await expect(tryIt).resolves.toBeUndefined()
    })
  })

  it('hears of its own calls alone, of many at once at all servers', async () => {
    const each = MEMBERS.flatMap((member) => [3, 5, 8].map((steps) => ({ member, steps })))
    await Promise.all(
      each.map(async ({ member, steps }) => {
        const { tool, args } = member.words.slow(steps)
        const seen: number[] = []
        const asked = clientOf(client, member)
        const slow = asked.call(tool, args, { onProgress: (it) => seen.push(it) })
        const { tool: echo, args: said } = member.words.echo(`${member.key} ${steps}`)
        expect((await asked.call(echo, said)).text).toContain(`${member.key} ${steps}`)
        expect((await slow).text).toMatch(/done|completed/i)
        expect(seen).toEqual(countTo(steps).slice(0, kind.losesLastProgress ? seen.length : steps))
      }),
    )
  })
})

const countTo = (steps: number): number[] => Array.from({ length: steps }, (_, at) => at + 1)

it('keeps several clients apart whose ids and progress tokens are the same', async () => {
  const clients = await Promise.all(CLIENTS.map((kind) => kind.connect(url())))
  try {
    await Promise.all(
      clients.map(async (client, place) => {
        for (const member of MEMBERS.filter(({ holdsSessions }) => holdsSessions)) {
          const { tool, args } = member.words.slow(2 + place)
          const seen: number[] = []
          await clientOf(client, member).call(tool, args, { onProgress: (it) => seen.push(it) })
          const { losesLastProgress } = CLIENTS[place] as ClientKind
          expect(seen).toEqual(
            countTo(2 + place).slice(0, losesLastProgress ? seen.length : undefined),
          )
        }
      }),
    )
  } finally {
    await Promise.all(clients.map((client) => client.close()))
  }
})
