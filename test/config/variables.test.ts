import { describe, expect, it } from 'vitest'
import { expand } from '../../src/config/expand.ts'
import { faultLines, loadValid, MINIMAL } from './config-file.ts'

const SECRET = 'a-secret-of-thirty-two-characters'

describe('${NAME} in a value', () => {
  const env = { HOST: 'a.example', EMPTY: '', TRICK: '${HOST}', $: 'x' }

  it.each([
    ['http://${HOST}/mcp', 'http://a.example/mcp'],
    ['${HOST}${HOST}', 'a.examplea.example'],
    ['${NONE:-b.example}', 'b.example'],
    ['${EMPTY:-b.example}', 'b.example'],
    ['${EMPTY}', ''],
    ['${HOST:-b.example}', 'a.example'],
    ['${NONE:-}', ''],
    ['${NONE:-a:-b}', 'a:-b'],
    ['${TRICK}', '${HOST}'],
    ['$${HOST}', '${HOST}'],
    ['a $$ b $HOST $', 'a $$ b $HOST $'],
  ])('%s becomes %s', (text, value) => {
    expect(expand(text, env)).toMatchObject({ value, problems: [] })
  })

  it.each([['${'], ['${HOST'], ['${}'], ['${1X}'], ['${HOST-x}'], ['${ HOST }']])(
    '%s is a fault',
    (text) => {
      const { problems } = expand(text, env)
      expect(problems.map(({ expected }) => expected)).toEqual([
        'a reference like ${NAME} or ${NAME:-default}',
      ])
    },
  )

  it('does not find what every object has', () => {
    expect(expand('${constructor}', {}).problems).toHaveLength(1)
  })

  it('is a fault with its place when nothing is set', () => {
    expect(faultLines(`${MINIMAL}state_dir: "/var/\${WHERE}/x"\n`)).toEqual([
      'sallyport.yaml:13:12: state_dir: expected the environment variable WHERE to be set, got no such variable; set it, or give a default: ${WHERE:-default}',
    ])
  })

  it('never becomes structure', () => {
    const value = 'x", allowed_hosts: [evil]\nadmin: {listen: "127.0.0.1:1"}'
    const text = MINIMAL.replace('- command: npx', '- {command: npx, args: ["${ARG}"]}')
    const { options } = loadValid(text, { ARG: value })
    expect(options.servers[1]?.endpoints[0]).toMatchObject({ args: [value] })
    expect(options.admin).toBeUndefined()
  })

  it('is left alone in keys', () => {
    expect(faultLines(`${MINIMAL}"\${KEY}": 1\n`, { KEY: 'log' })[0]).toContain(
      'got the unknown key "${KEY}"',
    )
  })

  it('stands for a number or a switch where one is wanted', () => {
    const text = `${MINIMAL}limits: {max_headers: "\${N}"}\nlog: {access: "\${ACCESS:-false}", level: \n "\${LEVEL}"}\n`
    const { options } = loadValid(text, { N: '42', LEVEL: 'warn' })
    expect(options.listeners[0]?.limits.maxHeaders).toBe(42)
    expect(options.log).toEqual({ access: false, level: 'warn' })
  })

  it('stays text where text is wanted', () => {
    const digits = '1'.repeat(32)
    const text = `${MINIMAL}sessions: {keys: ["\${KEY}"]}\n`
    expect(loadValid(text, { KEY: digits }).options.sessions.keys).toEqual([digits])
  })

  it.each(['x', '4x', '', '1e3', ' 42'])(
    'is a fault where a number is wanted and it holds %j',
    (value) => {
      const text = `${MINIMAL}limits: {max_headers: "\${N}"}\n`
      expect(faultLines(text, { N: value })).toEqual([
        `sallyport.yaml:13:23: limits.max_headers: expected an integer from 8 to 2000, got ${JSON.stringify(value)}; write a number in that range`,
      ])
    },
  )
})

describe('a SALLYPORT__ variable', () => {
  it('wins over the file', () => {
    const env = { SALLYPORT__LIMITS__MAX_HEADERS: '9' }
    const text = `${MINIMAL}limits: {max_headers: 10}\n`
    expect(loadValid(text, env).options.listeners[0]?.limits.maxHeaders).toBe(9)
  })

  it('matches keys in any case, and "_" matches "-" in a name', () => {
    const text = MINIMAL.replaceAll('weather', 'weather-eu')
    const { options } = loadValid(text, { SALLYPORT__Servers__WEATHER_EU__max_Streams: '3' })
    expect(options.servers[0]).toMatchObject({ name: 'weather-eu', endpoints: [{ maxStreams: 3 }] })
  })

  it('counts into lists and appends to them, ten after two', () => {
    const env: Record<string, string> = {}
    for (let at = 0; at < 12; at += 1) {
      env[`SALLYPORT__LISTENERS__${at}__LISTEN`] = `127.0.0.1:${9000 + at}`
    }
    const ports = loadValid(MINIMAL, env).options.listeners.map(({ port }) => port)
    expect(ports).toEqual(Array.from({ length: 12 }, (_, at) => 9000 + at))
  })

  it('takes lists and maps in flow style where the key does', () => {
    const { options } = loadValid(MINIMAL, {
      SALLYPORT__ROUTES: '[{path: /a, servers: [files]}, {path: /b, servers: [weather]}]',
      SALLYPORT__SERVERS__FILES__ENDPOINTS__0__ENV: '{A: "1"}',
      SALLYPORT__SERVERS__FILES__ENDPOINTS__0__ENV__api_KEY: 'x',
      SALLYPORT__SERVERS__FILES__ENDPOINTS__0__ARGS__0: '-y',
    })
    expect(options.routes).toMatchObject([
      { path: '/a', servers: ['files'] },
      { path: '/b', servers: ['weather'] },
    ])
    expect(options.servers[1]?.endpoints[0]).toMatchObject({
      env: { A: '1', api_KEY: 'x' },
      args: ['-y'],
    })
  })

  it('can be the whole configuration, of both kinds of server', () => {
    const { options } = loadValid('', {
      SALLYPORT__LISTENERS__0__LISTEN: '[::1]:0',
      SALLYPORT__SERVERS__A__ENDPOINTS__0__URL: 'http://127.0.0.1:1/',
      SALLYPORT__SERVERS__B__ENDPOINTS__0__COMMAND: 'b',
      SALLYPORT__SERVERS__B__STDIO__MAX_CHILDREN: '2',
      SALLYPORT__ROUTES__0__PATH: '/',
      SALLYPORT__ROUTES__0__SERVERS: '[a]',
      SALLYPORT__ROUTES__1: '{path: /b, servers: [b]}',
    })
    expect(options.servers).toMatchObject([
      { name: 'a', endpoints: [{ kind: 'http' }] },
      { name: 'b', endpoints: [{ kind: 'stdio', maxChildren: 2 }] },
    ])
  })

  it.each([
    [`${SECRET} # not a comment`],
    [`${SECRET}: not a map`],
    [`[${SECRET}`],
    [`*${SECRET}`],
    ['1'.repeat(40)],
    ['${HOME}'.concat(SECRET)],
  ])('takes a secret as it stands: %s', (secret) => {
    const { options } = loadValid(MINIMAL, { SALLYPORT__SESSIONS__KEYS__0: secret })
    expect(options.sessions.keys).toEqual([secret])
  })

  it('takes text in quotes as YAML does', () => {
    const { options } = loadValid(MINIMAL, { SALLYPORT__SESSIONS__KEYS__0: `"${SECRET}\\t"` })
    expect(options.sessions.keys).toEqual([`${SECRET}\t`])
  })

  it.each([
    ['SALLYPORT__LIMIT__MAX_HEADERS', '"LIMIT"', 'did you mean LIMITS?'],
    ['SALLYPORT__LIMITS__MAXHEADERS', '"MAXHEADERS" in limits', 'did you mean MAX_HEADERS?'],
    [
      'SALLYPORT__LOG__LEVEL__X',
      '"X" in log.level',
      'this key has nothing below it: unset the variable',
    ],
    ['SALLYPORT__LISTENERS__2__LISTEN', '"2" in listeners', 'use an index from 0 to 1'],
    ['SALLYPORT__LISTENERS__FIRST__LISTEN', '"FIRST" in listeners', 'use an index from 0 to 1'],
    ['SALLYPORT__SESSIONS__KEYS__1', '"1" in sessions.keys', 'the list starts with index 0'],
    [
      'SALLYPORT__SERVERS__-A__MAX_STREAMS',
      '"-A" in servers',
      'such a name cannot stand here: unset the variable',
    ],
    [
      'SALLYPORT__',
      '""',
      'unset it; known here: listeners, servers, routes, plugins, limits, sessions, admin, log, audit, state_dir, drain_timeout, tls_reload_interval, insecure_allow_public',
    ],
    ['SALLYPORT____PROTO____X', '""', undefined],
  ])('%s names no key', (variable, got, mend) => {
    const lines = faultLines(MINIMAL, { [variable]: 'hunter2' })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(
      `environment variable ${variable}: expected the path of a key, got ${got}; ${mend ?? ''}`,
    )
    expect(lines[0]).not.toContain('hunter2')
  })

  it('is named when its value is wrong', () => {
    expect(
      faultLines(MINIMAL, { SALLYPORT__LIMITS__HEADER_TIMEOUT: '10', SALLYPORT__ROUTES: 'x' }),
    ).toEqual([
      'environment variable SALLYPORT__LIMITS__HEADER_TIMEOUT: limits.header_timeout: expected a duration from 100ms to 10m, got "10"; write a number with its unit (ms, s, m, h, d), like "30s"',
      'environment variable SALLYPORT__ROUTES: routes: expected a list with at least one route, got a string (not shown); write: routes: [{path: /mcp, servers: [weather]}]',
    ])
  })

  it('is named when what it began is not complete', () => {
    expect(faultLines(MINIMAL, { SALLYPORT__SERVERS__NEW__MAX_STREAMS: '1' })).toEqual([
      'environment variable SALLYPORT__SERVERS__NEW__MAX_STREAMS: servers.new.endpoints: expected a list with at least one endpoint, got nothing; add one',
    ])
  })

  it('is refused when another one sets the same key', () => {
    const env = { SALLYPORT__LOG__LEVEL: 'info', SALLYPORT__log__level: 'warn' }
    expect(faultLines(MINIMAL, env)).toEqual([
      expect.stringMatching(
        /^environment variable SALLYPORT__\w+: log\.level: expected one variable for a key, got SALLYPORT__\w+ as well; unset one of the two$/,
      ),
    ])
  })
})
