// Every client reaches every server: each pair of the matrix through one gateway, everything tried. What is listed as a gap
// must not work, or the list is wrong; docs/reference/compatibility.md is written from what is seen here.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type Gateway } from '../../../src/gateway/index.ts'
import { silentLog } from '../../../src/observability/index.ts'
import type { EndpointOptions } from '../../../src/upstream/index.ts'
import { gatewayOptions } from '../../support/gateway.ts'
import { batchClient } from './batch-client.ts'
import type { ClientKind, MatrixClient } from './client.ts'
import { FEATURES } from './features.ts'
import { gapOf } from './gaps.ts'
import { renderCompatibility, type Cell } from './page.ts'
import { sdkV1Sse, sdkV1Streamable, sdkV1WebSocket } from './sdk-v1-clients.ts'
import { sdkV2Legacy, sdkV2Modern } from './sdk-v2-clients.ts'
import { SERVERS, type ServerKind, type StartedServer } from './servers.ts'

const CLIENTS: readonly ClientKind[] = [
  sdkV1Streamable,
  sdkV2Modern,
  sdkV2Legacy,
  sdkV1Sse,
  batchClient,
  sdkV1WebSocket,
]

/** A gap is believed when the feature has not come to work in this time. */
const GAP_MS = 3_000

const cells: Cell[] = []
const started: StartedServer[] = []
let gateway: Gateway

beforeAll(async () => {
  const endpoints: Record<string, readonly EndpointOptions[]> = {}
  for (const server of SERVERS) {
    const it = await server.start()
    started.push(it)
    endpoints[server.key] = [it.endpoint]
  }
  gateway = await startGateway(
    gatewayOptions({ servers: endpoints, limits: { maxBodyBytes: 16 * 1_048_576 } }),
    { log: silentLog },
  )
})

afterAll(async () => {
  await gateway.stopNow()
  await Promise.all(started.map((server) => server.close()))
})

const urlOf = (server: ServerKind): string => `${gateway.addresses[0]?.url}/${server.key}`

async function attempt(kind: ClientKind, server: ServerKind, feature: (typeof FEATURES)[number]) {
  let client: MatrixClient | undefined
  try {
    client = await kind.connect(urlOf(server))
    await feature.run({ kind, client, server })
  } finally {
    await client?.close()
  }
}

describe.each(CLIENTS)('$title', (client) => {
  describe.each(SERVERS)('with $key', (server) => {
    it.each(FEATURES)('$title', async (feature) => {
      const gap = gapOf(client, server, feature)
      cells.push({ client, server, feature: feature.key, gap })
      const outcome = await outcomeOf(attempt(client, server, feature), gap)
      expect(outcome).toBe(gap === undefined ? 'works' : 'does not')
    })
  })
})

/** What does not work may as well never come to an end. What should work is told by its own failure. */
async function outcomeOf(tried: Promise<void>, gap: string | undefined): Promise<string> {
  const works = tried.then(() => 'works')
  if (gap === undefined) return works
  return Promise.race([works.catch(() => 'does not'), pause(GAP_MS, 'does not')])
}

it('is what docs/reference/compatibility.md says', async () => {
  expect(cells).toHaveLength(CLIENTS.length * SERVERS.length * FEATURES.length)
  await expect(renderCompatibility(cells)).toMatchFileSnapshot(
    '../../../docs/reference/compatibility.md',
  )
})
