import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { describeConfig } from '../../src/config/index.ts'
import type { GatewayOptions } from '../../src/gateway/index.ts'
import { errorTable } from '../../src/core/index.ts'
import { loadValid, makePair, MINIMAL, tempFolder } from './config-file.ts'
import { WORKING_LANE_KEYS } from './working-lane-keys.ts'

type Options = GatewayOptions
type Step = string | number

interface KeyCase {
  /** As describeConfig names it. */
  readonly key: string
  readonly path: readonly Step[]
  readonly written: unknown
  readonly read: (options: Options, folder: string) => unknown
  readonly absent: unknown
  readonly set: unknown
}

const listener = (options: Options) => options.listeners[0]
const endpoint = (options: Options, server: number) =>
  options.servers[server]?.endpoints[0] as unknown as Record<string, unknown>

function limit(
  key: string,
  written: unknown,
  read: KeyCase['read'],
  values: [unknown, unknown],
): KeyCase {
  const [absent, set] = values
  return { key: `limits.${key}`, path: ['limits', key], written, read, absent, set }
}

function socketLimit(
  key: string,
  option: keyof NonNullable<ReturnType<typeof listener>>['limits'],
) {
  return (written: unknown, absent: unknown, set: unknown): KeyCase =>
    limit(key, written, (options) => listener(options)?.limits[option], [absent, set])
}

function messageLimit(key: string, option: keyof Options['limits']) {
  return (written: unknown, absent: unknown, set: unknown): KeyCase =>
    limit(key, written, (options) => options.limits[option], [absent, set])
}

/** A key of a server, seen in its endpoint's options. Server 0 is by url, server 1 by command. */
function serverKey(server: 0 | 1, key: string, option: string) {
  const name = server === 0 ? 'weather' : 'files'
  return (written: unknown, absent: unknown, set: unknown): KeyCase => ({
    key: `servers.<name>.${key}`,
    path: ['servers', name, ...key.replace('[]', '.0').split('.').map(toStep)],
    written,
    read: (options) =>
      option
        .split('.')
        .reduce<unknown>(
          (value, name) => (value as Record<string, unknown>)[name],
          endpoint(options, server),
        ),
    absent,
    set,
  })
}

function toStep(text: string): Step {
  return /^\d+$/.test(text) ? Number(text) : text
}

const SECRET = 'a-secret-of-thirty-two-characters'

const cases: readonly KeyCase[] = [
  {
    key: 'listeners[].listen',
    path: ['listeners', 0, 'listen'],
    written: '[::1]:9000',
    read: (options) => [listener(options)?.name, listener(options)?.host, listener(options)?.port],
    absent: ['127.0.0.1:8443', '127.0.0.1', 8443],
    set: ['[::1]:9000', '::1', 9000],
  },
  {
    key: 'listeners[].allowed_hosts',
    path: ['listeners', 0, 'allowed_hosts'],
    written: ['MCP.example.com', '10.0.0.5', '0:0::1'],
    read: (options) => listener(options)?.allowedHosts,
    absent: [],
    set: ['mcp.example.com', '10.0.0.5', '::1'],
  },
  {
    key: 'listeners[].allowed_origins',
    path: ['listeners', 0, 'allowed_origins'],
    written: ['https://App.example.com:443', 'http://localhost:3000', 'vscode-webview://ABC'],
    read: (options) => listener(options)?.allowedOrigins,
    absent: [],
    set: ['https://app.example.com', 'http://localhost:3000', 'vscode-webview://abc'],
  },
  serverKey(0, 'endpoints[].url', 'url')(
    'https://w.internal/mcp?v=1',
    'http://127.0.0.1:5051/mcp',
    'https://w.internal/mcp?v=1',
  ),
  serverKey(0, 'max_connections', 'maxConnections')(3, 256, 3),
  serverKey(0, 'max_streams', 'maxStreams')(4, 10_000, 4),
  serverKey(0, 'max_pending', 'maxPending')(0, 1_024, 0),
  serverKey(0, 'connect_timeout', 'connectTimeoutMs')('250ms', 5_000, 250),
  serverKey(0, 'response_timeout', 'responseTimeoutMs')('1h', 300_000, 3_600_000),
  serverKey(0, 'idle_timeout', 'idleTimeoutMs')('1.5s', 300_000, 1_500),
  serverKey(0, 'protocol', 'protocol')('http_sse', 'auto', 'http_sse'),
  serverKey(0, 'http_sse.session_idle_timeout', 'httpSse.idleTimeoutMs')('3m', 600_000, 180_000),
  serverKey(0, 'http_sse.max_lifetime', 'httpSse.maxLifetimeMs')('2d', 86_400_000, 172_800_000),
  serverKey(0, 'http_sse.max_message', 'httpSse.maxMessageBytes')('64KiB', 10_485_760, 65_536),
  serverKey(0, 'http_sse.replay.max_bytes', 'httpSse.replay.maxBytes')('1KiB', 1_048_576, 1_024),
  serverKey(0, 'http_sse.replay.max_age', 'httpSse.replay.maxAgeMs')('1h', 300_000, 3_600_000),
  serverKey(1, 'endpoints[].command', 'command')('node', 'npx', 'node'),
  serverKey(1, 'endpoints[].args', 'args')(['-y', 'x'], [], ['-y', 'x']),
  serverKey(1, 'endpoints[].env', 'env')({ TOKEN: 't' }, {}, { TOKEN: 't' }),
  serverKey(1, 'endpoints[].cwd', 'cwd')('/srv', undefined, '/srv'),
  serverKey(1, 'response_timeout', 'responseTimeoutMs')('2s', 300_000, 2_000),
  serverKey(1, 'stdio.max_children', 'maxChildren')(5, 64, 5),
  serverKey(1, 'stdio.session_idle_timeout', 'idleTimeoutMs')('3m', 600_000, 180_000),
  serverKey(1, 'stdio.max_lifetime', 'maxLifetimeMs')('2d', 86_400_000, 172_800_000),
  serverKey(1, 'stdio.max_message', 'maxMessageBytes')('64KiB', 10_485_760, 65_536),
  serverKey(1, 'protocol', 'protocol')('legacy', 'auto', 'legacy'),
  serverKey(1, 'stdio.replay.max_bytes', 'replay.maxBytes')('1KiB', 1_048_576, 1_024),
  serverKey(1, 'stdio.replay.max_age', 'replay.maxAgeMs')('1h', 300_000, 3_600_000),
  serverKey(1, 'stdio.stop_timeout', 'stopTimeoutMs')('1s', 5_000, 1_000),
  {
    key: 'servers.<name>.health_check.interval',
    path: ['servers', 'weather', 'health_check', 'interval'],
    written: '10s',
    read: (options) => options.servers[0]?.healthCheck.intervalMs,
    absent: 30_000,
    set: 10_000,
  },
  {
    key: 'servers.<name>.health_check.timeout',
    path: ['servers', 'files', 'health_check', 'timeout'],
    written: '1s',
    read: (options) => options.servers[1]?.healthCheck.timeoutMs,
    absent: 5_000,
    set: 1_000,
  },
  {
    key: 'routes[].path',
    path: ['routes', 0, 'path'],
    written: '/a/b.c~1/',
    read: (options) => options.routes[0]?.path,
    absent: '/mcp',
    set: '/a/b.c~1/',
  },
  {
    key: 'routes[].servers',
    path: ['routes', 0, 'servers'],
    written: ['files'],
    read: (options) => options.routes[0]?.servers,
    absent: ['weather'],
    set: ['files'],
  },
  socketLimit('header_timeout', 'headerTimeoutMs')('1s', 10_000, 1_000),
  socketLimit('request_timeout', 'requestTimeoutMs')('30s', 120_000, 30_000),
  socketLimit('idle_timeout', 'idleTimeoutMs')('5s', 30_000, 5_000),
  socketLimit('handshake_timeout', 'handshakeTimeoutMs')('2s', 15_000, 2_000),
  socketLimit('accept_rate', 'acceptRatePerSecond')(7, 100, 7),
  socketLimit('accept_burst', 'acceptBurst')(8, 200, 8),
  socketLimit('max_connections', 'maxConnections')(9, 10_000, 9),
  socketLimit('max_header_bytes', 'maxHeaderBytes')('8KiB', 16_384, 8_192),
  socketLimit('max_headers', 'maxHeaders')(50, 100, 50),
  socketLimit('max_concurrent_streams', 'maxConcurrentStreams')(11, 100, 11),
  socketLimit('slow_reader_timeout', 'slowReaderTimeoutMs')('4s', 10_000, 4_000),
  messageLimit('max_body_bytes', 'maxBodyBytes')('1MiB', 4_194_304, 1_048_576),
  messageLimit('max_json_depth', 'maxJsonDepth')(12, 64, 12),
  messageLimit('max_json_elements', 'maxJsonElements')(1_000, 65_536, 1_000),
  messageLimit('keep_alive', 'keepAliveMs')('20s', 15_000, 20_000),
  messageLimit('abandoned_call_timeout', 'abandonedCallTimeoutMs')('1m', 300_000, 60_000),
  {
    key: 'sessions.keys',
    path: ['sessions', 'keys'],
    written: [SECRET, `${SECRET}2`],
    read: (options) => options.sessions.keys,
    absent: [],
    set: [SECRET, `${SECRET}2`],
  },
  {
    key: 'admin.listen',
    path: ['admin', 'listen'],
    written: 'localhost:9443',
    read: (options) => options.admin,
    absent: undefined,
    set: { name: 'localhost:9443', host: 'localhost', port: 9443 },
  },
  {
    key: 'log.level',
    path: ['log', 'level'],
    written: 'debug',
    read: (options) => options.log.level,
    absent: 'info',
    set: 'debug',
  },
  {
    key: 'log.access',
    path: ['log', 'access'],
    written: true,
    read: (options) => options.log.access,
    absent: false,
    set: true,
  },
  {
    key: 'audit.file',
    path: ['audit', 'file'],
    written: '/var/log/sallyport/audit.jsonl',
    read: (options) => options.audit?.file,
    absent: undefined,
    set: '/var/log/sallyport/audit.jsonl',
  },
  {
    key: 'state_dir',
    path: ['state_dir'],
    written: '/var/lib/sallyport',
    read: (options) => options.stateDir,
    absent: '/home/user/.local/state/sallyport',
    set: '/var/lib/sallyport',
  },
  {
    key: 'drain_timeout',
    path: ['drain_timeout'],
    written: '0s',
    read: (options) => options.drainTimeoutMs,
    absent: 30_000,
    set: 0,
  },
  {
    key: 'tls_reload_interval',
    path: ['tls_reload_interval'],
    written: '1s',
    read: (options) => options.tlsReloadIntervalMs,
    absent: 300_000,
    set: 1_000,
  },
  {
    key: 'insecure_allow_public',
    path: ['insecure_allow_public'],
    written: true,
    read: (options) => options.insecureAllowPublic,
    absent: false,
    set: true,
  },
  ...WORKING_LANE_KEYS,
]

const CREDENTIAL_KEYS = [
  'cert_file',
  'key_file',
  'key_password',
  'pfx_file',
  'password',
  // In key-engine.test.ts.
  'key_engine',
  'key_identifier',
]
/** In listener-tls.test.ts, each with its effect. */
const TLS_KEYS = [
  ...CREDENTIAL_KEYS,
  ...CREDENTIAL_KEYS.map((key) => `certificates[].${key}`),
  'min_version',
  'max_version',
  'cipher_suites',
  'curve_preferences',
  'client_auth',
  'client_ca_file',
  'crl_file',
  'forward_client_identity',
  'ticket_rotation',
  'insecure_allow_readable_keys',
].map((key) => `listeners[].tls.${key}`)

/** In listener-kinds.test.ts, each with its effect. */
const LISTENER_KEYS = [
  'redirect_from',
  'acme_challenge_dir',
  'external_url',
  ...['enabled', 'max_age', 'include_subdomains', 'preload'].map(
    (key) => `security_headers.hsts.${key}`,
  ),
  'security_headers.content_security_policy',
  'security_headers.x_frame_options',
  'security_headers.x_content_type_options',
  'security_headers.referrer_policy',
  'security_headers.permissions_policy',
  ...['server_names', 'to', 'connect_timeout', 'idle_timeout'].map((key) => `passthrough[].${key}`),
].map((key) => `listeners[].${key}`)

const CLIENT_TLS_KEYS = [
  ...CREDENTIAL_KEYS,
  'ca_cert',
  'system_roots',
  'server_name',
  'check_hostname',
  'pinned_certificates',
  'pinned_certificates_file',
  'min_version',
  'max_version',
  'cipher_suites',
  'curve_preferences',
  'insecure_skip_verify',
  'insecure_allow_readable_keys',
]
/** In upstream-tls.test.ts, each with its effect. */
const SERVER_TLS_KEYS = ['tls', 'endpoints[].tls'].flatMap((tls) =>
  CLIENT_TLS_KEYS.map((key) => `servers.<name>.${tls}.${key}`),
)
const UPSTREAM_KEYS = [...SERVER_TLS_KEYS, 'servers.<name>.http2', 'servers.<name>.allow_cleartext']

/** In plugins.test.ts, each with its effect. */
const PLUGIN_KEYS = [
  'routes[].plugins',
  ...['name', 'kind', 'hooks', 'mode', 'priority', 'timeout'].map((key) => `plugins[].${key}`),
  ...[
    'proto',
    'url',
    'http2',
    'allow_cleartext',
    'max_connections',
    'max_pending',
    'connect_timeout',
    ...[...CLIENT_TLS_KEYS, 'certfile', 'keyfile', 'keyfile_password', 'ca_bundle', 'verify'].map(
      (key) => `tls.${key}`,
    ),
  ].map((key) => `plugins[].mcp.${key}`),
]

function withKey({ path, written }: KeyCase): string {
  const document = parseDocument(MINIMAL)
  document.setIn(path, document.createNode(written))
  return String(document)
}

function toVariable({ path, written }: KeyCase): Record<string, string> {
  const name = path.map((step) => String(step).toUpperCase()).join('__')
  return { [`SALLYPORT__${name}`]: typeof written === 'string' ? written : JSON.stringify(written) }
}

describe('every key', () => {
  const folder = '/'

  it('is in the table of this test', () => {
    const all = describeConfig().map(({ path }) => path)
    const leaves = all.filter(
      (path) =>
        !all.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[].`)),
    )
    const tested = new Set([
      ...cases.map(({ key }) => key),
      'listeners[].http2',
      ...TLS_KEYS,
      ...LISTENER_KEYS,
      ...UPSTREAM_KEYS,
      ...PLUGIN_KEYS,
    ])
    expect(leaves.filter((path) => !tested.has(path))).toEqual([])
    expect([...tested].filter((key) => !leaves.includes(key))).toEqual([])
  })

  it.each(cases)('$key has its default when it is not written', ({ read, absent }) => {
    expect(read(loadValid(MINIMAL).options, folder)).toEqual(absent)
  })

  it.each(cases)('$key has an effect when it is written', (key) => {
    expect(key.read(loadValid(withKey(key)).options, folder)).toEqual(key.set)
  })

  it.each(cases)('$key can be set by a variable', (key) => {
    expect(key.read(loadValid(MINIMAL, toVariable(key)).options, folder)).toEqual(key.set)
  })

  it('is required only where nothing stands in for it', () => {
    const keys = describeConfig()
    expect(keys.filter((key) => key.required && key.default !== undefined)).toEqual([])
    expect(keys.flatMap(({ path, required }) => (required ? path : []))).toEqual([
      'listeners',
      'listeners[].listen',
      'listeners[].passthrough',
      'listeners[].passthrough[].server_names',
      'listeners[].passthrough[].to',
      'servers.<name>.endpoints',
      'servers.<name>.endpoints[].url',
      'servers.<name>.endpoints[].command',
      'routes[].path',
      'routes[].servers',
      'plugins[].name',
      'plugins[].kind',
      'plugins[].mcp',
      'plugins[].mcp.url',
      'admin.listen',
      'audit.file',
    ])
  })

  it('is described, and names only error codes that exist', () => {
    for (const { path, description } of describeConfig()) {
      expect(description, path).toMatch(/\.$/)
      for (const [code, status] of description.matchAll(/GW_[A-Z_]+(?: \((\d+)\))?/g)) {
        const name = code.replace(/ .*/, '')
        expect(Object.keys(errorTable), path).toContain(name)
        const row = errorTable[name as keyof typeof errorTable]
        expect([undefined, String(row.status)], `${path} ${status}`).toContain(
          /\d+/.exec(code)?.[0],
        )
      }
    }
  })
})

describe('tls of a listener', () => {
  it('takes its files from the folder of the config file and offers HTTP/2', () => {
    const folder = tempFolder()
    makePair(folder, 'server')
    const text = MINIMAL.replace(
      '8443\n',
      '8443\n    tls: {cert_file: server.crt, key_file: ./server.key}\n',
    )
    const { tls, http2 } = loadValid(text, {}, folder).options.listeners[0]!
    expect(tls?.credentials).toEqual([
      {
        kind: 'pem',
        certFile: join(folder, 'server.crt'),
        keyFile: join(folder, 'server.key'),
        keyPassword: undefined,
      },
    ])
    expect(http2).toBe(true)
    const without = text.replace('key}\n', 'key}\n    http2: false\n')
    expect(loadValid(without, {}, folder).options.listeners[0]?.http2).toBe(false)
  })

  it('is absent by default: plain HTTP without HTTP/2', () => {
    const { tls, http2 } = loadValid(MINIMAL).options.listeners[0]!
    expect([tls, http2]).toEqual([undefined, false])
  })
})

describe('addresses', () => {
  it('takes a bare port for all interfaces', () => {
    const text = MINIMAL.replace('127.0.0.1:8443', '":8443"\n    allowed_hosts: [a.example]')
    const loaded = loadValid(`${text}insecure_allow_public: true\n`)
    expect(loaded.options.listeners[0]).toMatchObject({ name: ':8443', host: '', port: 8443 })
  })

  it('lets two listeners have port 0', () => {
    const text = MINIMAL.replace('127.0.0.1:8443', '127.0.0.1:0\n  - listen: 127.0.0.1:0')
    expect(loadValid(text).options.listeners.map(({ port }) => port)).toEqual([0, 0])
  })
})

describe('paths', () => {
  it('start at the folder of the config file', () => {
    const folder = tempFolder()
    const text = `${MINIMAL.replace('command: npx', 'command: ./bin/server\n        cwd: data')}state_dir: state\naudit: {file: a}\n`
    const { options } = loadValid(text, {}, folder)
    expect(options.stateDir).toBe(join(folder, 'state'))
    expect(options.audit).toEqual({ file: join(folder, 'a') })
    expect(endpoint(options, 1)).toMatchObject({
      command: join(folder, 'bin/server'),
      cwd: join(folder, 'data'),
    })
  })

  it.each([
    [{ XDG_STATE_HOME: '/xdg' }, '/xdg/sallyport'],
    [{ XDG_STATE_HOME: 'relative' }, '/home/user/.local/state/sallyport'],
    [{ XDG_STATE_HOME: '' }, '/home/user/.local/state/sallyport'],
  ])('keeps state where %o says', (env, expected) => {
    expect(loadValid(MINIMAL, env).options.stateDir).toBe(expected)
  })
})

describe('the loaded options', () => {
  it('are frozen all the way down', () => {
    const { options, document } = loadValid(MINIMAL)
    for (const root of [options, document]) {
      const open = [root as unknown]
      while (open.length > 0) {
        const value = open.pop()
        if (typeof value !== 'object' || value === null) continue
        expect(Object.isFrozen(value)).toBe(true)
        open.push(...Object.values(value))
      }
    }
  })

  it('pass on to children only what programs need to run at all', () => {
    const env = { PATH: '/bin', LANG: 'C', SECRET: 'x', SALLYPORT__LOG__LEVEL: 'warn' }
    expect(loadValid(MINIMAL, env).options.childEnv).toEqual({
      HOME: '/home/user',
      LANG: 'C',
      PATH: '/bin',
    })
  })

  it('warn of a server that no route leads to, and of what is open to all', () => {
    const text = MINIMAL.replace('  - {path: /files, servers: [files]}\n', '')
      .replace('127.0.0.1:8443', '":8443"\n    allowed_hosts: [a.example]')
      .concat('insecure_allow_public: true\n')
    const { warnings } = loadValid(text)
    expect(warnings.map(({ path, place }) => [path, place])).toEqual([
      ['listeners[0].listen', { kind: 'file', file: 'sallyport.yaml', line: 2, column: 5 }],
      ['servers.files', { kind: 'file', file: 'sallyport.yaml', line: 8, column: 3 }],
      ['insecure_allow_public', { kind: 'file', file: 'sallyport.yaml', line: 13, column: 1 }],
    ])
  })
})
