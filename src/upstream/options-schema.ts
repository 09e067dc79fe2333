// The config keys of a server's endpoints and how they become EndpointOptions: by URL, or by command. Which of the two a
// server has decides which keys it takes, so that none parses and does nothing.
import { z } from 'zod'
import {
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
import type { HttpEndpointOptions, StdioEndpointOptions } from './options.ts'

const urlEndpointSchema = section({
  url: text({
    expected: 'an http:// or https:// URL without user info and fragment',
    mend: 'write it like "http://127.0.0.1:5051/mcp"',
    pattern: /^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/,
    check: (written) => URL.canParse(written),
    shown: 'as-url',
  }).describe(
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

const responseTimeoutField = () =>
  duration({ min: '100ms', max: '24h' })
    .default('5m')
    .describe(
      'Time from a call to the head of its answer, over stdio to the answer itself or its next progress notification. Then the call fails with GW_UPSTREAM_TIMEOUT (504) and is not repeated.',
    )

/** The keys of a server whose endpoints are URLs. */
export const httpServerShape = {
  endpoints: list(urlEndpointSchema, {
    expected: 'a list with at least one endpoint',
    mend: 'add one',
    min: 1,
  }).describe('Replicas of the server, used in turn.'),
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
  session_idle_timeout: duration({ min: '100ms', max: '7d' })
    .default('10m')
    .describe(
      'A session of the legacy era without a message in either direction ends after this, and its process with it. Its id is then unknown: GW_SESSION_NOT_FOUND (404).',
    ),
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
    idleTimeoutMs: toMs(stdio.session_idle_timeout),
    maxLifetimeMs: toMs(stdio.max_lifetime),
    maxMessageBytes: toBytes(stdio.max_message),
    responseTimeoutMs: toMs(server.response_timeout),
    stopTimeoutMs: toMs(stdio.stop_timeout),
  }))
}
