// The servers of the matrix, and how each is started.
import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { EndpointOptions } from '../../../src/upstream/index.ts'
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import { oddlyNamedTools } from '../../fixtures/everything-stdio/shared-tools.ts'
import { startSdkV1Server } from '../../fixtures/sdk-v1-http/server.ts'
import { startSseServer } from '../../fixtures/sse-server/sse-server.ts'
import { httpEndpoint, nodeEndpoint } from '../../support/gateway.ts'
import { EVERYTHING_RENAMED, EVERYTHING_WORDS, OWN_WORDS, type Words } from './words.ts'

export interface StartedServer {
  readonly endpoint: EndpointOptions
  close(): Promise<void>
}

export interface ServerKind {
  readonly key: string
  readonly title: string
  readonly eras: readonly ('legacy' | 'modern')[]
  readonly transport: 'Streamable HTTP' | 'HTTP+SSE' | 'stdio'
  /** Sessions that outlive a connection, so that a lost stream can be resumed. */
  readonly holdsSessions: boolean
  /** A session is a process, which takes its time to start. */
  readonly startsPerSession?: true
  /** Other names for its tools, given by the gateway on a route of its own. */
  readonly renamed?: ReadonlyMap<string, string>
  readonly words: Words
  start(): Promise<StartedServer>
}

const fixture = (path: string): string => resolve(import.meta.dirname, '../../fixtures', path)
const everythingPackage = resolve(
  import.meta.dirname,
  '../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
)

/** Has a byte for each cancellation that a process of server-everything was sent: its own tools do not tell. */
const witnessFile = join(tmpdir(), `sallyport-cancelled-${randomUUID()}`)

const command = (args: readonly string[]) => async (): Promise<StartedServer> => ({
  endpoint: nodeEndpoint(args),
  close: async () => {},
})

async function reached(server: { url: string; close(): Promise<void> }): Promise<StartedServer> {
  return { endpoint: httpEndpoint(server.url), close: () => server.close() }
}

async function startEverythingPackage(): Promise<StartedServer> {
  const witness = fixture('cancel-witness/preload.ts')
  const env = { CANCEL_WITNESS_FILE: witnessFile }
  return {
    endpoint: nodeEndpoint(['--import', witness, everythingPackage, 'stdio'], { env }),
    close: () => rm(witnessFile, { force: true }),
  }
}

export const SERVERS: readonly ServerKind[] = [
  {
    key: 'sdk1',
    title: 'SDK 1, sessions',
    eras: ['legacy'],
    transport: 'Streamable HTTP',
    holdsSessions: true,
    words: OWN_WORDS,
    start: async () => reached(await startSdkV1Server({ sessions: 'stateful' })),
  },
  {
    key: 'sdk1-stateless',
    title: 'SDK 1, no sessions',
    eras: ['legacy'],
    transport: 'Streamable HTTP',
    holdsSessions: false,
    words: OWN_WORDS,
    start: async () => reached(await startSdkV1Server({ sessions: 'stateless' })),
  },
  {
    key: 'sdk2-modern',
    title: 'SDK 2, modern only',
    eras: ['modern'],
    transport: 'Streamable HTTP',
    holdsSessions: true,
    words: OWN_WORDS,
    start: async () => reached(await startEverythingServer({ eras: 'modern', oddNames: true })),
  },
  {
    key: 'sdk2-dual',
    title: 'SDK 2, both eras',
    eras: ['legacy', 'modern'],
    transport: 'Streamable HTTP',
    holdsSessions: true,
    words: OWN_WORDS,
    start: async () => reached(await startEverythingServer({ oddNames: true })),
  },
  {
    key: 'http-sse',
    title: 'SDK 1',
    eras: ['legacy'],
    transport: 'HTTP+SSE',
    holdsSessions: true,
    words: OWN_WORDS,
    start: async () => reached(await startSseServer({ tools: oddlyNamedTools() })),
  },
  {
    key: 'stdio-legacy',
    title: 'SDK 1',
    eras: ['legacy'],
    transport: 'stdio',
    holdsSessions: true,
    startsPerSession: true,
    words: OWN_WORDS,
    start: command([fixture('everything-stdio/legacy.ts')]),
  },
  {
    key: 'stdio-modern',
    title: 'SDK 2, modern only',
    eras: ['modern'],
    transport: 'stdio',
    holdsSessions: true,
    words: OWN_WORDS,
    start: command([fixture('everything-stdio/modern.ts'), '--odd-names']),
  },
  {
    key: 'server-everything',
    title: 'server-everything',
    eras: ['legacy'],
    transport: 'stdio',
    holdsSessions: true,
    startsPerSession: true,
    renamed: EVERYTHING_RENAMED,
    words: {
      ...EVERYTHING_WORDS,
      cancelled: async () => (await readFile(witnessFile, { flag: 'a+' })).length,
    },
    start: startEverythingPackage,
  },
]
