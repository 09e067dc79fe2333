// The config keys of a server's endpoints and how they become EndpointOptions: by URL, or by command. Which of the two a
// server has decides which keys it takes, so that none parses and does nothing.
import { z } from 'zod'
import {
  choice,
  type DocumentOf,
  duration,
  flag,
  integer,
  list,
  path,
  section,
  size,
  text,
  toBytes,
  toMs,
  withNotes,
} from '../core/fields.ts'
import {
  clientTlsSchema,
  mergeClientTls,
  toClientTlsOptions,
  type ClientTlsDocument,
} from '../tls/index.ts'
import type { HttpEndpointOptions, HttpSseOptions, StdioEndpointOptions } from './options.ts'

/** Where something that speaks MCP over HTTP is reached. */
export const endpointUrlField = () =>
  text({
    expected: 'an http:// or https:// URL without user info and fragment',
    mend: 'write it like "http://127.0.0.1:5051/mcp"',
    pattern: /^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/,
    check: (written) => URL.canParse(written),
    shown: 'as-url',
  })

const urlEndpointSchema = section({
  url: endpointUrlField().describe(
    'MCP endpoint of the replica (Streamable HTTP). The final one: redirects are not followed (GW_UPSTREAM_REDIRECT). A query is passed on with every call and is never shown. Plain `http://` to another machine needs `allow_cleartext: true`.',
  ),
  tls: clientTlsSchema
    .optional()
    .describe(
      'TLS to this endpoint alone: its keys stand over those of the server’s `tls`, one by one; the keys of the client certificate (`cert_file`, `key_file`, `key_password`, `key_engine`, `key_identifier`, `pfx_file`, `password`) replace each other together. Only with an https:// URL.',
    ),
})

const commandEndpointSchema = section({
  command: text({
    expected: 'a program to start',
    mend: 'write its name or path, without arguments',
    pattern: /^[^\0]+$/,
    shown: 'as-is',
  }).describe(
    'Program that speaks MCP on its standard input and output. It is started without a shell. A bare name is looked for in the gateway’s `PATH`; a relative path with a slash starts at the folder of the config file.',
  ),
  args: list(text({ expected: 'a string', mend: 'put it in quotes' }), {
    expected: 'a list of strings',
    mend: 'write [first, second]',
  })
    .default([])
    .describe('Arguments, one item each; never split, never shown.'),
  env: withNotes(
    z.record(
      text({
        expected: 'the name of an environment variable',
        mend: 'use letters, digits and "_"',
        pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
        shown: 'as-is',
      }),
      text({ expected: 'a string', mend: 'put it in quotes' }),
    ),
    { expected: 'a map of variables', mend: 'write {NAME: "value"}' },
  )
    .default({})
    .describe(
      'Environment variables of the program, besides the few that any program needs (such as `PATH` and `HOME`); the rest of the gateway’s own environment is not passed on. Values are never shown.',
    ),
  cwd: path('a folder')
    .optional()
    .describe(
      'Working folder of the program. Relative paths start at the folder of the config file. Default: that of the gateway.',
    ),
})

const replaySchema = section({
  max_bytes: size({ min: '1KiB', max: '1GiB' })
    .default('1MiB')
    .describe(
      'Messages kept per session for a client that lost an event stream and comes back for the rest (`Last-Event-ID`). The oldest go first; where an answer is gone, the client gets an error in its place.',
    ),
  max_age: duration({ min: '1s', max: '24h' })
    .default('5m')
    .describe('How long such messages are kept.'),
})

/** Keys of the sessions that the gateway holds itself, which are the same for commands and for HTTP+SSE. */
const heldSessionShape = {
  session_idle_timeout: duration({ min: '100ms', max: '7d' })
    .default('10m')
    .describe(
      'A session of the legacy era without a message in either direction ends after this, and its process or event stream with it. Its id is then unknown: GW_SESSION_NOT_FOUND (404).',
    ),
  replay: replaySchema
    .prefault({})
    .describe('What is kept of a session’s event streams for clients that resume them.'),
}

const responseTimeoutField = () =>
  duration({ min: '100ms', max: '24h' })
    .default('5m')
    .describe(
      'Time from a call to the head of its answer, over stdio to the answer itself or its next progress notification. Then the call fails with GW_UPSTREAM_TIMEOUT (504) and is not repeated.',
    )

const httpSseSchema = section({
  ...heldSessionShape,
  max_lifetime: duration({ min: '1s', max: '24d' })
    .default('24h')
    .describe('A session is ended after this, whatever it is doing.'),
  max_message: size({ min: '1KiB', max: '256MiB' })
    .default('10MiB')
    .describe(
      'Longest message to or from the server. At a longer one from it, the session is ended and its calls fail with GW_UPSTREAM_BROKEN (502).',
    ),
})

/** The keys of a server whose endpoints are URLs. */
export const httpServerShape = {
  endpoints: list(urlEndpointSchema, {
    expected: 'a list with at least one endpoint',
    mend: 'add one',
    min: 1,
  }).describe('Replicas of the server, used in turn.'),
  protocol: choice(['auto', 'modern', 'legacy', 'http_sse'])
    .default('auto')
    .describe(
      'What the endpoints speak: Streamable HTTP of the `modern` (2026-07-28) or the `legacy` era, or `http_sse`, the transport of MCP 2024-11-05, whose URL is that of the event stream. `auto` finds out and looks again when it was wrong.',
    ),
  http_sse: httpSseSchema
    .prefault({})
    .describe(
      'Budgets of the sessions that the gateway holds for endpoints of HTTP+SSE; each has an event stream to the endpoint, which counts among `max_streams`.',
    ),
  tls: clientTlsSchema
    .optional()
    .describe(
      'TLS to the endpoints with https:// URLs: whom to trust, and what to show. It holds for calls, event streams and health checks alike. Without it: the roots of Node and the system, TLS 1.2 and 1.3.',
    ),
  http2: flag()
    .default(false)
    .describe(
      'Offer HTTP/2 to endpoints with https:// URLs. Where the endpoint takes it, calls share connections, up to `max_connections` of them; HTTP/1.1, with a connection per call, costs less processor time.',
    ),
  allow_cleartext: flag()
    .default(false)
    .describe(
      'Allow http:// URLs of other machines, to which calls travel unencrypted. Said at every start and in `/readyz`.',
    ),
  max_connections: integer({ min: 1, max: 65_535 })
    .default(256)
    .describe(
      'Calls under way at once, per endpoint; each has a connection of its own. More of them wait, up to `max_pending`.',
    ),
  max_streams: integer({ min: 1, max: 1_000_000 })
    .default(10_000)
    .describe(
      'Long-lived streams open at once, per endpoint: GET of the legacy era and `subscriptions/listen`. One more fails with GW_UPSTREAM_OVERLOADED (503).',
    ),
  max_pending: integer({ min: 0, max: 1_000_000 })
    .default(1_024)
    .describe(
      'Calls that may wait for a connection, per endpoint. One more fails with GW_UPSTREAM_OVERLOADED (503); it never left.',
    ),
  connect_timeout: duration({ min: '100ms', max: '5m' })
    .default('5s')
    .describe(
      'Time for a connection to an endpoint, TLS included. Then the call fails with GW_UPSTREAM_UNREACHABLE (502); it never left.',
    ),
  response_timeout: responseTimeoutField(),
  idle_timeout: duration({ min: '100ms', max: '24h' })
    .default('5m')
    .describe(
      'Silence within an answer after which the call fails with GW_UPSTREAM_TIMEOUT (504), or is broken off if its head was sent. Long-lived streams may be silent.',
    ),
}

const stdioSchema = section({
  max_children: integer({ min: 1, max: 10_000 })
    .default(64)
    .describe(
      'Processes alive at once, per endpoint. A session that would need one more fails with GW_UPSTREAM_OVERLOADED (503).',
    ),
  ...heldSessionShape,
  max_lifetime: duration({ min: '1s', max: '24d' })
    .default('24h')
    .describe('A process is replaced after this, whatever it is doing.'),
  max_message: size({ min: '1KiB', max: '256MiB' })
    .default('10MiB')
    .describe(
      'Longest message to or from the process. At a longer one from it, the process is ended and its calls fail with GW_CHILD_FAILED (502).',
    ),
  stop_timeout: duration({ min: '100ms', max: '5m' })
    .default('5s')
    .describe(
      'From closing the standard input of a process to SIGTERM to its group, and again from there to SIGKILL.',
    ),
})

/** The keys of a server whose endpoints are commands. */
export const stdioServerShape = {
  endpoints: list(commandEndpointSchema, {
    expected: 'a list with at least one endpoint',
    mend: 'add one',
    min: 1,
  }).describe('Replicas of the server, used in turn.'),
  protocol: choice(['auto', 'modern', 'legacy'])
    .default('auto')
    .describe(
      'The era that the program speaks: `modern` (2026-07-28) or `legacy`. Clients of the other are then refused, or translated for, without asking it. `auto` asks it once.',
    ),
  response_timeout: responseTimeoutField(),
  stdio: stdioSchema.prefault({}).describe('Budgets of the processes.'),
}

/** What an endpoint was meant to be. Undefined: neither a URL nor a command, or both. */
export function endpointKind(endpoint: unknown): 'http' | 'stdio' | undefined {
  if (typeof endpoint !== 'object' || endpoint === null) return undefined
  const [byUrl, byCommand] = ['url' in endpoint, 'command' in endpoint]
  if (byUrl === byCommand) return undefined
  return byUrl ? 'http' : 'stdio'
}

export function toHttpEndpoints(
  server: DocumentOf<typeof httpServerShape>,
  resolvePath: (written: string) => string,
): readonly HttpEndpointOptions[] {
  const toOptions = (tls: ClientTlsDocument | undefined) =>
    tls === undefined ? {} : { tls: toClientTlsOptions(tls, resolvePath) }
  // The same object for all that have the same, so that they can share what is made from it.
  const shared = toOptions(server.tls)
  const { http_sse: sse } = server
  const httpSse: HttpSseOptions = {
    ...toHeldSessions(sse),
    maxLifetimeMs: toMs(sse.max_lifetime),
    maxMessageBytes: toBytes(sse.max_message),
  }
  return server.endpoints.map(({ url, tls }) => ({
    kind: 'http',
    url,
    maxConnections: server.max_connections,
    maxStreams: server.max_streams,
    maxPending: server.max_pending,
    connectTimeoutMs: toMs(server.connect_timeout),
    responseTimeoutMs: toMs(server.response_timeout),
    idleTimeoutMs: toMs(server.idle_timeout),
    http2: server.http2,
    protocol: server.protocol,
    httpSse,
    ...(tls === undefined ? shared : toOptions(mergeClientTls(server.tls, tls))),
  }))
}

export function toStdioEndpoints(
  server: DocumentOf<typeof stdioServerShape>,
  resolvePath: (written: string) => string,
): readonly StdioEndpointOptions[] {
  const { stdio } = server
  return server.endpoints.map(({ command, args, env, cwd }) => ({
    kind: 'stdio',
    // The system would look for "./server" in the child's working folder, which is not where the reader of the file looks.
    command: command.includes('/') ? resolvePath(command) : command,
    args: [...args],
    env: { ...env },
    cwd: cwd === undefined ? undefined : resolvePath(cwd),
    maxChildren: stdio.max_children,
    ...toHeldSessions(stdio),
    maxLifetimeMs: toMs(stdio.max_lifetime),
    maxMessageBytes: toBytes(stdio.max_message),
    responseTimeoutMs: toMs(server.response_timeout),
    stopTimeoutMs: toMs(stdio.stop_timeout),
    protocol: server.protocol,
  }))
}

function toHeldSessions({ session_idle_timeout, replay }: DocumentOf<typeof heldSessionShape>) {
  return {
    idleTimeoutMs: toMs(session_idle_timeout),
    replay: { maxBytes: toBytes(replay.max_bytes), maxAgeMs: toMs(replay.max_age) },
  }
}
