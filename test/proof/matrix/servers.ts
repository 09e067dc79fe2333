// The servers of the matrix, with the words in which each offers what is tried.
import { resolve } from 'node:path'
import type { EndpointOptions } from '../../../src/upstream/index.ts'
import { startEverythingServer } from '../../fixtures/everything-server/server.ts'
import {
  oddlyNamedTools,
  UNICODE_NAME,
  UNSAFE_NAME,
} from '../../fixtures/everything-stdio/shared-tools.ts'
import { startSdkV1Server } from '../../fixtures/sdk-v1-http/server.ts'
import { startSseServer } from '../../fixtures/sse-server/sse-server.ts'
import { httpEndpoint, nodeEndpoint } from '../../support/gateway.ts'

/** A tool and the arguments for it. */
export interface ToolUse {
  readonly tool: string
  readonly args: Record<string, unknown>
}

/** How a server calls what is tried; undefined: it has no such thing. */
export interface Words {
  readonly echo: (text: string) => ToolUse
  /** Steps of 20 ms, each with progress. */
  readonly slow: (steps: number) => ToolUse
  /** A tool that tells how many slow calls were cancelled, as JSON. */
  readonly tally: string | undefined
  readonly ask: Readonly<Record<'elicitation' | 'sampling' | 'roots', ToolUse>>
  readonly big: ((bytes: number) => ToolUse) | undefined
  readonly log: ToolUse | undefined
  readonly watched: { readonly uri: string; readonly touch: string } | undefined
  readonly prompt: {
    readonly name: string
    readonly argument: string
    readonly value: string
    readonly completions: readonly string[]
  }
  readonly odd: { readonly unicode: string; readonly unsafe: string } | undefined
}

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
  readonly words: Words
  start(): Promise<StartedServer>
}

const OWN_WORDS: Words = {
  echo: (text) => ({ tool: 'echo', args: { text } }),
  slow: (steps) => ({ tool: 'slow', args: { steps, stepMs: 20 } }),
  tally: 'tally',
  ask: {
    elicitation: { tool: 'ask', args: { kind: 'elicitation' } },
    sampling: { tool: 'ask', args: { kind: 'sampling' } },
    roots: { tool: 'ask', args: { kind: 'roots' } },
  },
  big: (bytes) => ({ tool: 'big', args: { bytes } }),
  log: { tool: 'log', args: { messages: 2, level: 'warning' } },
  watched: { uri: 'test://watched-resource', touch: 'touch' },
  prompt: { name: 'greeting', argument: 'who', value: 'Al', completions: ['Alice', 'Alan'] },
  odd: { unicode: UNICODE_NAME, unsafe: UNSAFE_NAME },
}

const EVERYTHING_WORDS: Words = {
  echo: (message) => ({ tool: 'echo', args: { message } }),
  slow: (steps) => ({
    tool: 'trigger-long-running-operation',
    args: { duration: (steps * 20) / 1_000, steps },
  }),
  tally: undefined,
  ask: {
    elicitation: { tool: 'trigger-elicitation-request', args: {} },
    sampling: { tool: 'trigger-sampling-request', args: { prompt: 'Which city?', maxTokens: 100 } },
    roots: { tool: 'get-roots-list', args: {} },
  },
  big: undefined,
  log: undefined,
  watched: undefined,
  prompt: {
    name: 'completable-prompt',
    argument: 'department',
    value: 'E',
    completions: ['Engineering'],
  },
  odd: undefined,
}

const fixture = (path: string): string => resolve(import.meta.dirname, '../../fixtures', path)
const everythingPackage = resolve(
  import.meta.dirname,
  '../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
)

const command = (args: readonly string[]) => async (): Promise<StartedServer> => ({
  endpoint: nodeEndpoint(args),
  close: async () => {},
})

async function reached(server: { url: string; close(): Promise<void> }): Promise<StartedServer> {
  return { endpoint: httpEndpoint(server.url), close: () => server.close() }
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
    words: EVERYTHING_WORDS,
    start: command([everythingPackage, 'stdio']),
  },
]
