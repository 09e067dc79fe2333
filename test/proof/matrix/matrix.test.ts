// Every client reaches every server: each pair of the matrix through one gateway, everything tried. What is listed as a gap
// must not work, or the list is wrong, and where the two can do without a gateway it must not work then either;
// docs/reference/compatibility.md is written from what is seen here.
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type Gateway } from '../../../src/gateway/index.ts'
import type { ToolRuleOptions } from '../../../src/mcp/catalog/options.ts'
import { silentLog } from '../../../src/observability/index.ts'
import type { EndpointOptions } from '../../../src/upstream/index.ts'
import { gatewayOptions } from '../../support/gateway.ts'
import { batchClient } from './batch-client.ts'
import type { ClientKind, MatrixClient } from './client.ts'
import { FEATURES, NotTried, type Feature } from './features.ts'
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

interface Pair {
  readonly kind: ClientKind
  readonly server: ServerKind
}

const cells: Cell[] = []
const started = new Map<ServerKind, StartedServer>()
let gateway: Gateway

beforeAll(async () => {
  const servers: Record<string, readonly EndpointOptions[]> = {}
  const tools: Record<string, Partial<ToolRuleOptions>> = {}
  for (const server of SERVERS) {
    const it = await server.start()
    started.set(server, it)
    servers[server.key] = [it.endpoint]
    if (server.renamed === undefined) continue
    servers[renamedKey(server)] = [it.endpoint]
    tools[renamedKey(server)] = { rename: server.renamed }
  }
  gateway = await startGateway(
    gatewayOptions({ servers, tools, limits: { maxBodyBytes: 16 * 1_048_576 } }),
    { log: silentLog },
  )
})

afterAll(async () => {
  await gateway.stopNow()
  await Promise.all([...started.values()].map((server) => server.close()))
})

// Servers stand side by side, and what is tried with one of them goes one after the other: cancellations are counted.
describe.concurrent.each(SERVERS)('$key', (server) => {
  const gaps = new Map<string, string>()

  // What does not come to work takes all of its time, so the gaps are tried together; cancellations first, for another
  // call that is given up would count as one.
  beforeAll(async () => {
    const tryAll = (features: readonly Feature[]): Promise<unknown> =>
      Promise.all(
        CLIENTS.flatMap((kind) =>
          features.map(async (feature) => {
            if (gapOf(kind, server, feature) === undefined) return
            gaps.set(`${kind.title} ${feature.key}`, await tryGap({ kind, server }, feature))
          }),
        ),
      )
    await tryAll(FEATURES.filter(({ key }) => key === 'cancel'))
    await tryAll(FEATURES.filter(({ key }) => key !== 'cancel'))
  })

  describe.each(CLIENTS)('$title', { concurrent: false }, (kind) => {
    const shared = new Map<string, MatrixClient>()
    afterAll(async () => {
      for (const client of shared.values()) await client.close()
    })

    it.each(FEATURES)('$title', async (feature) => {
      const gap = gapOf(kind, server, feature)
      cells.push({ client: kind, server, feature: feature.key, gap })
      if (gap === undefined) return tryWith({ kind, server }, feature, shared)
      expect(gaps.get(`${kind.title} ${feature.key}`)).toBe('does not')
    })
  })
})

it('is what docs/reference/compatibility.md says', async () => {
  expect(cells).toHaveLength(CLIENTS.length * SERVERS.length * FEATURES.length)
  const inOrder = CLIENTS.flatMap((client) =>
    SERVERS.flatMap((server) => cells.filter((it) => it.client === client && it.server === server)),
  )
  await expect(renderCompatibility(inOrder)).toMatchFileSnapshot(
    '../../../docs/reference/compatibility.md',
  )
})

/** Over a connection of its own, but where each of them would start a process. */
async function tryWith(
  { kind, server }: Pair,
  feature: Feature,
  shared: Map<string, MatrixClient>,
): Promise<void> {
  const url = urlFor(server, feature)
  const client = shared.get(url) ?? (await kind.connect(url))
  shared.delete(url)
  try {
    await feature.run({ kind, client, server })
  } catch (error) {
    await client.close()
    throw error
  }
  if (server.startsPerSession) shared.set(url, client)
  else await client.close()
}

async function tryGap(pair: Pair, feature: Feature): Promise<string> {
  const direct = directUrl(pair)
  const outcomes = await Promise.all([
    tryInVain(pair, feature, urlFor(pair.server, feature)),
    direct === undefined ? 'does not' : tryInVain(pair, feature, direct),
  ])
  if (outcomes[0] !== 'does not') return outcomes[0]
  return outcomes[1] === 'does not' ? 'does not' : `without the gateway: ${outcomes[1]}`
}

/** What does not work may as well never come to an end. */
async function tryInVain({ kind, server }: Pair, feature: Feature, url: string): Promise<string> {
  const attempt = async (): Promise<string> => {
    const client = await kind.connect(url)
    await feature.run({ kind, client, server }).finally(() => client.close())
    return 'works'
  }
  const tried = attempt().catch((thrown: unknown) =>
    thrown instanceof NotTried ? thrown.message : 'does not',
  )
  return Promise.race([tried, pause(GAP_MS, 'does not')])
}

/** Where client and server understand each other as they are. */
function directUrl({ kind, server }: Pair): string | undefined {
  const endpoint = started.get(server)?.endpoint
  const isUnderstood = server.eras.includes(kind.era) && server.transport === kind.transport
  return isUnderstood && endpoint?.kind === 'http' ? endpoint.url : undefined
}

function urlFor(server: ServerKind, feature: Feature): string {
  const isRenamed = feature.isAboutOddNames === true && server.renamed !== undefined
  return `${gateway.addresses[0]?.url}/${isRenamed ? renamedKey(server) : server.key}`
}

const renamedKey = ({ key }: ServerKind): string => `${key}-renamed`
