// The keys of listeners that redirect, send security headers, or pass TLS on: their effect, and what is wrong with them.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PLAIN_SECURITY_HEADERS } from '../../src/listener/index.ts'
import { faultLines, loadValid, makePair, MINIMAL, tempFolder } from './config-file.ts'

const LISTEN = '  - listen: 127.0.0.1:8443\n'

/** MINIMAL with these lines in its listener. */
const plain = (...lines: readonly string[]): string =>
  MINIMAL.replace(LISTEN, `${LISTEN}${lines.map((line) => `    ${line}\n`).join('')}`)

const TLS = 'tls: {cert_file: a.crt, key_file: a.key}'

function folderWithPair(): string {
  const folder = tempFolder()
  makePair(folder, 'a')
  return folder
}

/** The options of the listener with TLS and these lines. */
function secure(...lines: readonly string[]) {
  const folder = folderWithPair()
  return { folder, options: loadValid(plain(TLS, ...lines), {}, folder).options.listeners[0] }
}

const secureFaults = (...lines: readonly string[]): readonly string[] =>
  faultLines(plain(TLS, ...lines), {}, folderWithPair())

const sentBy = (options: ReturnType<typeof secure>['options'], name: string) => {
  const fields = options?.securityHeaders ?? []
  const at = fields.indexOf(name)
  return at === -1 ? undefined : fields[at + 1]
}

describe('redirect_from', () => {
  it('is the address of a listener of its own', () => {
    const { options } = secure('redirect_from: "[::1]:8080"')
    expect(options?.redirect).toMatchObject({ name: '[::1]:8080', host: '::1', port: 8080 })
    expect(options?.redirect?.acmeChallengeDir).toBeUndefined()
    expect(secure().options?.redirect).toBeUndefined()
  })

  it('sends what the listener sends, but for HSTS', () => {
    const { options } = secure(
      'redirect_from: ":8080"',
      'security_headers: {x_frame_options: none}',
    )
    const [hsts, , ...others] = options?.securityHeaders ?? []
    expect(hsts).toBe('strict-transport-security')
    expect(options?.redirect?.securityHeaders).toEqual(others)
  })

  it('needs tls', () => {
    expect(faultLines(plain('redirect_from: "127.0.0.1:8080"'))).toEqual([
      'sallyport.yaml:3:20: listeners[0].redirect_from: expected a listener with tls to redirect to, got one without; add tls, or remove redirect_from',
    ])
  })

  it('needs an address of its own', () => {
    expect(secureFaults('redirect_from: "127.0.0.1:8443"')).toEqual([
      'sallyport.yaml:4:20: listeners[0].redirect_from: expected an address of its own, got port 8443, which listeners[0].listen has on the same interface; choose another port',
    ])
    const admin = `${plain(TLS, 'redirect_from: ":9443"')}admin: {listen: "127.0.0.1:9443"}\n`
    expect(faultLines(admin, {}, folderWithPair())).toEqual([
      expect.stringContaining(
        'admin.listen: expected an address of its own, got port 9443, which listeners[0].redirect_from has',
      ),
    ])
  })

  it.each(['8080', 'https://a', '"127.0.0.1"'])('is no %s', (written) => {
    expect(secureFaults(`redirect_from: ${written}`)).toEqual([
      expect.stringContaining(
        '4:20: listeners[0].redirect_from: expected an address for plain HTTP',
      ),
    ])
  })
})

describe('acme_challenge_dir', () => {
  it('starts at the folder of the config file', () => {
    const { options, folder } = secure('redirect_from: ":8080"', 'acme_challenge_dir: challenges')
    expect(options?.redirect?.acmeChallengeDir).toBe(join(folder, 'challenges'))
  })

  it('needs redirect_from', () => {
    expect(secureFaults('acme_challenge_dir: challenges')).toEqual([
      'sallyport.yaml:4:25: listeners[0].acme_challenge_dir: expected redirect_from beside it, which serves the challenges, got none; add redirect_from, or remove acme_challenge_dir',
    ])
  })
})

describe('external_url', () => {
  it.each([
    ['https://mcp.example.com', 'mcp.example.com', 'mcp.example.com'],
    ['https://MCP.example.com:443/', 'mcp.example.com', 'mcp.example.com'],
    ['https://mcp.example.com:8443', 'mcp.example.com:8443', 'mcp.example.com'],
    ['"https://[2001:DB8::1]:8443"', '[2001:db8::1]:8443', '[2001:db8::1]'],
  ])(
    '%s is host and port for redirects, and a host of the listener',
    (written, authority, host) => {
      const { options } = secure(`external_url: ${written}`, 'allowed_hosts: [inside]')
      expect(options?.publicAuthority).toBe(authority)
      expect(options?.allowedHosts).toEqual(['inside', host])
      expect(secure().options?.publicAuthority).toBeUndefined()
    },
  )

  it('names the host that a plain listener beyond loopback needs', () => {
    const text = plain('external_url: https://mcp.example.com').replace('127.0.0.1:8443', ':8443')
    const { options } = loadValid(
      `${text.replace('listen: :8443', 'listen: ":8443"')}insecure_allow_public: true\n`,
    )
    expect(options.listeners[0]?.allowedHosts).toEqual(['mcp.example.com'])
  })

  it.each([
    'http://mcp.example.com',
    'https://mcp.example.com/base',
    'https://user@mcp.example.com',
    'https://mcp.example.com?x=1',
    'https://mcp.example.com:99999',
    '"https://mcp.example.com\\r\\nX: y"',
    'mcp.example.com',
  ])('is not %s', (written) => {
    expect(secureFaults(`external_url: ${written}`)).toEqual([
      expect.stringMatching(
        /4:19: listeners\[0\]\.external_url: expected an https URL without path/,
      ),
    ])
  })
})

describe('security_headers', () => {
  it('has all of them with tls, and nosniff alone without', () => {
    expect(secure().options?.securityHeaders).toHaveLength(12)
    expect(loadValid(MINIMAL).options.listeners[0]?.securityHeaders).toEqual(PLAIN_SECURITY_HEADERS)
  })

  it.each([
    ['hsts: {enabled: false}', 'strict-transport-security', undefined],
    ['hsts: {max_age: 2h}', 'strict-transport-security', 'max-age=7200'],
    [
      'hsts: {include_subdomains: true}',
      'strict-transport-security',
      'max-age=31536000; includeSubDomains',
    ],
    [
      'hsts: {include_subdomains: true, preload: true}',
      'strict-transport-security',
      'max-age=31536000; includeSubDomains; preload',
    ],
    ['content_security_policy: "sandbox"', 'content-security-policy', 'sandbox'],
    ['x_frame_options: SAMEORIGIN', 'x-frame-options', 'SAMEORIGIN'],
    ['x_content_type_options: none', 'x-content-type-options', undefined],
    ['referrer_policy: origin', 'referrer-policy', 'origin'],
    ['permissions_policy: "usb=()"', 'permissions-policy', 'usb=()'],
  ])('%s has its effect', (written, name, value) => {
    expect(sentBy(secure(`security_headers: {${written}}`).options, name)).toBe(value)
    expect(sentBy(secure().options, name)).not.toBe(value)
  })

  it.each([
    [
      'hsts: {preload: true}',
      'hsts.preload: expected preload only with include_subdomains: true, got true; add it, or remove preload',
    ],
    [
      'hsts: {preload: true, include_subdomains: true, max_age: 364d}',
      'hsts.max_age: expected at least 365d with preload, got "364d"; raise it, or remove preload',
    ],
    [
      'hsts: {preload: true, include_subdomains: true, enabled: false}',
      'hsts.preload: expected preload only where HSTS is sent, got true; remove preload',
    ],
    [
      'hsts: {max_age: 500ms}',
      'hsts.max_age: expected a duration in whole seconds from 0s to 3650d, got "500ms"; write a number with its unit (s, m, h, d), like "365d"',
    ],
    [
      'hsts: {max_age: 3651d}',
      'hsts.max_age: expected a duration in whole seconds from 0s to 3650d, got "3651d"; write a number with its unit (s, m, h, d), like "365d"',
    ],
    [
      'x_frame_options: ALLOW-FROM',
      'x_frame_options: expected one of DENY, SAMEORIGIN, none, got "ALLOW-FROM"; choose one of them',
    ],
    [
      'content_security_policy: ""',
      'content_security_policy: expected a content security policy, in visible ASCII on one line, or none, got ""; write it like "default-src \'none\'"',
    ],
  ])('refuses %s', (written, fault) => {
    const [line] = secureFaults(`security_headers: {${written}}`)
    expect(line).toMatch(/^sallyport\.yaml:4:\d+: /)
    expect(line).toContain(`listeners[0].security_headers.${fault}`)
  })

  it.each(['content_security_policy', 'permissions_policy'])(
    'lets nothing into %s that ends the header',
    (key) => {
      for (const value of [
        'a\\r\\nX: y',
        'a\\nb',
        'a\\0b',
        ' a',
        'a ',
        'ä',
        'a\\tb',
        'a'.repeat(5_000),
      ]) {
        expect(secureFaults(`security_headers: {${key}: "${value}"}`), value).toHaveLength(1)
      }
      const { options } = secure(`security_headers: {${key}: "\${INJECTED:-fine}"}`)
      expect(sentBy(options, key.replaceAll('_', '-'))).toBe('fine')
    },
  )

  it('is judged after variables are filled in', () => {
    const text = plain(TLS, 'security_headers: {content_security_policy: "${CSP}"}')
    expect(faultLines(text, { CSP: 'a\r\nSet-Cookie: b' }, folderWithPair())).toHaveLength(1)
  })

  it('never has HSTS on plain HTTP', () => {
    expect(faultLines(plain('security_headers: {hsts: {enabled: true}}'))).toEqual([
      'sallyport.yaml:3:40: listeners[0].security_headers.hsts.enabled: expected HSTS only with tls (RFC 6797, 7.2), got true on a plain-HTTP listener; add tls, or remove it',
    ])
    const { options } = loadValid(plain('security_headers: {hsts: {max_age: 1d}}'))
    expect(options.listeners[0]?.securityHeaders).toEqual(PLAIN_SECURITY_HEADERS)
  })
})

const passing = (...targets: readonly string[]): string =>
  `listeners:\n${LISTEN}    passthrough:\n${targets.map((each) => `      - ${each}\n`).join('')}`

const TARGET = '{server_names: [a.example], to: "10.0.0.5:8443"}'

describe('passthrough', () => {
  it('is a listener without anything of HTTP', () => {
    const { options } = loadValid(
      passing(
        '{server_names: [A.Example, "*.b.example"], to: "[::1]:443"}',
        '{server_names: ["*"], to: "c:1", connect_timeout: 1s, idle_timeout: 1h}',
      ),
    )
    expect(options.listeners).toHaveLength(1)
    expect(options.listeners[0]).toMatchObject({
      name: '127.0.0.1:8443',
      port: 8443,
      tls: undefined,
    })
    expect(options.listeners[0]?.passthrough).toEqual([
      {
        serverNames: ['a.example', '*.b.example'],
        host: '::1',
        port: 443,
        connectTimeoutMs: 5_000,
        idleTimeoutMs: 600_000,
      },
      { serverNames: ['*'], host: 'c', port: 1, connectTimeoutMs: 1_000, idleTimeoutMs: 3_600_000 },
    ])
    expect([options.servers, options.routes]).toEqual([[], []])
  })

  it('stands beside listeners that speak HTTP', () => {
    const text = MINIMAL.replace(
      LISTEN,
      `${LISTEN}  - {listen: "127.0.0.1:9000", passthrough: [${TARGET}]}\n`,
    )
    const { listeners } = loadValid(text).options
    expect(listeners.map(({ passthrough }) => passthrough?.length)).toEqual([undefined, 1])
  })

  it.each([
    ['tls: {}', 'tls'],
    ['http2: true', 'http2'],
    ['redirect_from: ":1"', 'redirect_from'],
    ['external_url: https://a', 'external_url'],
    ['security_headers: {}', 'security_headers'],
    ['allowed_hosts: []', 'allowed_hosts'],
    ['allowed_origins: []', 'allowed_origins'],
  ])('does not go with %s', (line, key) => {
    expect(faultLines(`${passing(TARGET)}    ${line}\n`)).toEqual([
      `sallyport.yaml:5:5: listeners[0].${key}: expected a key that exists here, got the unknown key "${key}"; it is for a listener that speaks HTTP: remove it`,
    ])
  })

  it('does not go with servers and routes that no listener has', () => {
    expect(
      faultLines(MINIMAL.replace(LISTEN, passing(TARGET).replace('listeners:\n', ''))),
    ).toEqual(
      [
        'sallyport.yaml:5:10: servers: expected no servers where every listener has passthrough, got some; remove them, or add a listener that speaks HTTP',
        'sallyport.yaml:12:9: routes: expected no routes where every listener has passthrough, got some; remove them, or add a listener that speaks HTTP',
      ].map((line) => expect.stringContaining(line.slice(line.indexOf(' ') + 1))),
    )
  })

  it.each([
    ['[]', 'passthrough: expected a list with at least one target, got an empty list'],
    [
      '[{to: "a:1"}]',
      'passthrough[0].server_names: expected a list with at least one server name, got nothing',
    ],
    [
      '[{server_names: [a.example]}]',
      'passthrough[0].to: expected host:port to connect to, got nothing',
    ],
    [
      '[{server_names: [], to: "a:1"}]',
      'passthrough[0].server_names: expected a list with at least one',
    ],
    [
      '[{server_names: [10.0.0.1], to: "a:1"}]',
      'passthrough[0].server_names[0]: expected a host name',
    ],
    [
      '[{server_names: ["a.*.b"], to: "a:1"}]',
      'passthrough[0].server_names[0]: expected a host name',
    ],
    ['[{server_names: ["a."], to: "a:1"}]', 'passthrough[0].server_names[0]: expected a host name'],
    ['[{server_names: [a], to: ":1"}]', 'passthrough[0].to: expected host:port'],
    ['[{server_names: [a], to: "b:0"}]', 'passthrough[0].to: expected host:port'],
    ['[{server_names: [a], to: "https://b"}]', 'passthrough[0].to: expected host:port'],
    [
      '[{server_names: [a, A], to: "b:1"}]',
      'passthrough[0].server_names[1]: expected a name that no other target has, got "A", which passthrough[0] has; remove one of the two',
    ],
    [
      '[{server_names: ["*"], to: "b:1"}, {server_names: ["*"], to: "c:1"}]',
      'passthrough[1].server_names[0]: expected a name that no other target has',
    ],
    [
      '[{server_names: [a], to: "b:1", idle_timeout: 1ms}]',
      'passthrough[0].idle_timeout: expected a duration from 1s to 24h',
    ],
  ])('refuses %s', (written, fault) => {
    const lines = faultLines(`listeners:\n${LISTEN}    passthrough: ${written}\n`)
    expect(lines).toEqual([expect.stringMatching(/^sallyport\.yaml:3:\d+: /)])
    expect(lines[0]).toContain(`listeners[0].${fault}`)
  })

  it.each([
    ['127.0.0.1:8443', '127.0.0.1:8443'],
    ['127.0.0.1:8443', 'localhost:8443'],
    ['localhost:8443', '127.0.0.1:8443'],
    ['":8443"', '127.0.0.1:8443'],
    ['":8443"', '"[::1]:8443"'],
    ['0.0.0.0:8443', 'localhost:8443'],
    ['"[::1]:8443"', '"[0:0::1]:8443"'],
  ])('listening on %s does not lead to %s, which is itself', (listen, to) => {
    const text = passing(`{server_names: [a], to: ${to}}`).replace('127.0.0.1:8443', listen)
    expect(faultLines(`${text}insecure_allow_public: true\n`)).toEqual([
      expect.stringMatching(
        /^sallyport\.yaml:4:\d+: listeners\[0\]\.passthrough\[0\]\.to: expected a server, not a listener that passes on, got ".*:8443", which is listeners\[0\]\.listen; write the address of the server$/,
      ),
    ])
  })

  it.each([
    ['":8443"', '10.0.0.5:8443'],
    ['127.0.0.1:8443', '127.0.0.2:8443'],
    ['127.0.0.1:8443', '127.0.0.1:8444'],
    ['0.0.0.0:8443', '"[::1]:8443"'],
  ])('listening on %s leads to %s, which may be another', (listen, to) => {
    const text = passing(`{server_names: [a], to: ${to}}`).replace('127.0.0.1:8443', listen)
    expect(faultLines(`${text}insecure_allow_public: true\n`)).toEqual([])
  })

  it('leads to a listener of the gateway that ends TLS, not to another one that passes on', () => {
    const folder = folderWithPair()
    const text = (to: string): string =>
      plain(TLS).replace(
        LISTEN,
        `  - {listen: "127.0.0.1:1", passthrough: [{server_names: ["*"], to: "${to}"}]}\n  - {listen: "127.0.0.1:2", passthrough: [${TARGET}]}\n${LISTEN}`,
      )
    loadValid(text('127.0.0.1:8443'), {}, folder)
    expect(faultLines(text('127.0.0.1:2'), {}, folder)).toEqual([
      expect.stringContaining('got "127.0.0.1:2", which is listeners[1].listen'),
    ])
  })

  it('needs insecure_allow_public beyond loopback', () => {
    const text = passing(TARGET).replace('127.0.0.1:8443', '0.0.0.0:8443')
    expect(faultLines(text)).toEqual([
      expect.stringMatching(
        /expected a loopback address, as nothing authenticates callers here, got "0\.0\.0\.0:8443"; listen on 127\.0\.0\.1, or set insecure_allow_public: true$/,
      ),
    ])
  })
})
