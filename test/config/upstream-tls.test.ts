import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEFAULT_CLIENT_TLS } from '../../src/tls/index.ts'
import { testAuthority } from '../support/pki.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { faultLines, load, loadValid } from './config-file.ts'
import { formatWarning } from '../../src/config/index.ts'

/** A file with one server, whose keys stand from line 3 and column 5 on. */
const withServer = (...lines: readonly string[]): string => `servers:
  weather:
${lines.map((line) => `    ${line}`).join('\n')}
listeners: [{listen: 127.0.0.1:8443}]
routes: [{path: /mcp, servers: [weather]}]
`
const SECURE = 'endpoints: [{url: "https://w1.test/mcp"}]'

const warningsOf = (text: string): readonly string[] => loadValid(text).warnings.map(formatWarning)

const endpointsOf = (text: string) => {
  const [server] = loadValid(text).options.servers
  return (server?.endpoints ?? []).map((endpoint) =>
    endpoint.kind === 'http' ? endpoint : expect.unreachable(endpoint.kind),
  )
}

describe('plain HTTP to another machine', () => {
  it.each(['http://10.0.1.10:5050/mcp', 'http://mcp-server-1:5050/', 'http://[::2]/'])(
    'is a fault: %s',
    (url) => {
      expect(faultLines(withServer(`endpoints: [{url: "${url}"}]`))).toEqual([
        `sallyport.yaml:3:23: servers.weather.endpoints[0].url: expected https:// to another machine, got ${JSON.stringify(new URL(url).origin)}; use https://, or set allow_cleartext: true on the server`,
      ])
    },
  )

  it.each(['127.0.0.1', '127.1', '127.9.9.9', 'localhost', 'LOCALHOST', '[::1]'])(
    'is not what %s is',
    (host) => {
      expect(warningsOf(withServer(`endpoints: [{url: "http://${host}:1/"}]`))).toEqual([])
    },
  )

  it.each(['localhost.test', '127.0.0.1.test', '0.0.0.0'])('is what %s is', (host) => {
    expect(faultLines(withServer(`endpoints: [{url: "http://${host}:1/"}]`))).toHaveLength(1)
  })

  it('is allowed by allow_cleartext, and warned of', () => {
    const text = withServer(
      'endpoints: [{url: "http://10.0.1.10:5050/?k=hunter2"}]',
      'allow_cleartext: true',
    )
    expect(warningsOf(text)).toEqual([
      'sallyport.yaml:3:18: servers.weather.endpoints[0].url: allow_cleartext: calls to 10.0.1.10:5050 travel unencrypted; whoever is on the way can read and change them',
    ])
  })
})

describe('TLS of a server', () => {
  const PIN = `sha256:${'ab'.repeat(32)}`

  it.each([
    [
      `tls: {insecure_skip_verify: »true, pinned_certificates: ["${PIN}"]}`,
      'insecure_skip_verify: expected false together with pinned_certificates',
    ],
    [
      'tls: {insecure_skip_verify: »true, check_hostname: true}',
      'insecure_skip_verify: expected false together with check_hostname',
    ],
    [
      'tls: {insecure_skip_verify: »true, ca_cert: ca.crt}',
      'insecure_skip_verify: expected false together with ca_cert',
    ],
    ['tls: {system_roots: »false}', 'system_roots: expected somebody to trust, got nobody'],
    [
      'tls: {min_version: "1.3", max_version: »"1.2"}',
      'max_version: expected at least min_version, "1.3", got "1.2"',
    ],
    ['tls: {max_version: »"1.1"}', 'max_version: expected at least min_version, "1.2", got "1.1"'],
    [
      'tls: {min_version: »1.2}',
      'min_version: expected one of "1.0", "1.1", "1.2", "1.3", got 1.2; write it in quotes',
    ],
    [
      'tls: {min_version: "1.3", cipher_suites: »[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}',
      'cipher_suites: expected suites that can be used',
    ],
    [
      'tls: {cipher_suites: [»ECDHE-RSA-AES128-GCM-SHA256]}',
      'cipher_suites[0]: expected a cipher suite of TLS 1.2 by its IANA name',
    ],
    [
      'tls: {max_version: "1.2", curve_preferences: »[X25519MLKEM768]}',
      'curve_preferences: expected at least one group of TLS 1.2, as max_version is "1.2", got groups of TLS 1.3 only; add X25519',
    ],
    [
      'tls: {min_version: "1.0", max_version: "1.1", cipher_suites: »[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}',
      'cipher_suites: expected at least one suite of TLS 1.1, as max_version is "1.1", got suites of TLS 1.2 only; add TLS_',
    ],
    ['tls: {curve_preferences: »[]}', 'curve_preferences: expected a list with at least one group'],
    [
      'tls: {pinned_certificates: [»"A1B2C3D4E5F6..."]}',
      'pinned_certificates[0]: expected a pin: sha256: and the digest in hex or base64, or a thumbprint of 40 hex digits, got "A1B2C3D4E5F6..."; print it with: sallyport certs inspect FILE, or openssl x509 -in FILE -noout -fingerprint -sha256',
    ],
    [
      'tls: {cert_file: »client.crt}',
      'cert_file: expected key_file beside it, got none; add key_file',
    ],
    ['tls: {key_file: »client.key}', 'key_file: expected cert_file beside it'],
    ['tls: {password: »hunter2}', 'password: expected pfx_file beside it'],
    ['tls: {key_password: »hunter2}', 'key_password: expected key_file beside it'],
    [
      'tls: {pfx_file: »a.p12, cert_file: a.crt, key_file: a.key}',
      'pfx_file: expected one certificate, got cert_file as well',
    ],
    [
      'tls: {ca_cert: »missing.crt}',
      'ca_cert: expected a PEM file with certificates, got no file at ',
    ],
    ['tls: {server_name: »"https://a"}', 'server_name: expected a host name or an IP address'],
    [
      'tls: {»ca_certs: ca.crt}',
      'ca_certs: expected a key that exists here, got the unknown key "ca_certs"; did you mean "ca_cert"?',
    ],
  ])('has a fault: %s', (marked, message) => {
    const column = marked.indexOf('»') + 5
    const lines = faultLines(withServer(SECURE, marked.replace('»', '')))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`sallyport.yaml:4:${column}: servers.weather.tls.${message}`)
    expect(lines[0]).not.toContain('hunter2')
  })

  it('is a fault where nothing uses it', () => {
    const text = withServer(
      'endpoints: [{url: "http://127.0.0.1:1/"}, {url: "http://127.0.0.1:2/", tls: {}}]',
      'tls: {server_name: a.test}',
      'http2: true',
    )
    expect(faultLines(text)).toEqual([
      expect.stringContaining(
        '3:81: servers.weather.endpoints[1].tls: expected tls only with an https:// URL',
      ),
      expect.stringContaining('4:10: servers.weather.tls: expected tls only with https:// URLs'),
      expect.stringContaining(
        '5:12: servers.weather.http2: expected HTTP/2 only with https:// URLs',
      ),
    ])
  })

  it('warns of what is unsafe, at the key that asks for it', () => {
    const text = withServer(
      SECURE,
      'tls:',
      '  check_hostname: false',
      `  pinned_certificates: ["${'A1'.repeat(20)}"]`,
      '  min_version: "1.1"',
    )
    expect(warningsOf(text)).toEqual([
      expect.stringMatching(/^sallyport\.yaml:5:7: servers\.weather\.tls\.check_hostname: /),
      expect.stringMatching(/^sallyport\.yaml:6:7: .*pinned_certificates: .* SHA-1 thumbprints/),
      expect.stringMatching(/^sallyport\.yaml:7:7: .*min_version: .*TLS below 1\.2/),
    ])
    expect(warningsOf(withServer(SECURE, 'tls: {insecure_skip_verify: true}'))).toEqual([
      expect.stringContaining(
        'insecure_skip_verify: the certificate of the endpoint is not verified',
      ),
    ])
  })
})

describe('what is promised in TLS of a server and cannot be had', () => {
  it('is a warning', () => {
    const suites = 'cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]'
    const text = withServer(
      SECURE,
      `tls: {min_version: "1.1", ${suites}, curve_preferences: [X25519MLKEM768]}`,
    )
    expect(warningsOf(text).filter((line) => line.includes('cannot be had'))).toEqual([
      expect.stringMatching(/:4:31: servers\.weather\.tls\.cipher_suites: .* TLS 1\.1 cannot/),
      expect.stringMatching(/:4:87: servers\.weather\.tls\.curve_preferences: .* TLS 1\.1 cannot/),
    ])
  })
})

describe('every key of TLS to a server', () => {
  const CASES: readonly (readonly [string, string, object])[] = [
    ['system_roots', '{ca_cert: CA, system_roots: true}', { systemRoots: true }],
    ['ca_cert', '{ca_cert: CA}', { caFile: expect.stringContaining('ca.crt'), systemRoots: false }],
    ['server_name', '{server_name: a.test}', { serverName: 'a.test' }],
    ['check_hostname', '{check_hostname: false}', { checkHostname: false }],
    [
      'pinned_certificates',
      `{pinned_certificates: ["sha256:${'AB'.repeat(32)}"]}`,
      { pins: [{ algorithm: 'sha256', hex: 'ab'.repeat(32) }] },
    ],
    [
      'pinned_certificates_file',
      '{pinned_certificates_file: PINS}',
      { pinsFile: expect.stringContaining('pins') },
    ],
    ['min_version', '{min_version: "1.3"}', { minVersion: '1.3' }],
    ['max_version', '{max_version: "1.2"}', { maxVersion: '1.2' }],
    [
      'cipher_suites',
      '{cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}',
      { cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] },
    ],
    ['curve_preferences', '{curve_preferences: [P-256]}', { curvePreferences: ['P-256'] }],
    ['insecure_skip_verify', '{insecure_skip_verify: true}', { insecureSkipVerify: true }],
    [
      'insecure_allow_readable_keys',
      '{insecure_allow_readable_keys: true}',
      { insecureAllowReadableKeys: true },
    ],
    [
      'cert_file, key_file and key_password',
      '{cert_file: CERT, key_file: ENCRYPTED, key_password: secret}',
      { credential: { kind: 'pem', keyPassword: 'secret' } },
    ],
    [
      'pfx_file and password',
      '{pfx_file: PFX, password: secret}',
      { credential: { kind: 'pfx', password: 'secret' } },
    ],
  ]

  it.each(CASES)('%s reaches the endpoint, from the server and from itself', (_, tls, expected) => {
    const ca = testAuthority()
    const leaf = ca.issue({ purpose: 'clientAuth' })
    const pinsFile = join(temporaryFolder(), 'pins')
    writeFileSync(pinsFile, `sha256:${'ab'.repeat(32)}\n`)
    const written = tls
      .replace('PINS', pinsFile)
      .replace('CA', ca.certFile)
      .replace('CERT', leaf.certFile)
      .replace('ENCRYPTED', leaf.encryptedKey('secret'))
      .replace('PFX', leaf.pfx('secret'))
    const [fromServer] = endpointsOf(withServer(SECURE, `tls: ${written}`))
    expect(fromServer?.tls).toMatchObject(expected)
    const [own] = endpointsOf(
      withServer(`endpoints: [{url: "https://w1.test/mcp", tls: ${written}}]`),
    )
    expect(own?.tls).toEqual(fromServer?.tls)
  })

  it('has its default where it is not written', () => {
    const [plain] = endpointsOf(withServer(SECURE))
    expect(plain).not.toHaveProperty('tls')
    const [empty] = endpointsOf(withServer(SECURE, 'tls: {}'))
    expect(empty?.tls).toEqual(DEFAULT_CLIENT_TLS)
  })

  it('is followed by http2', () => {
    expect(endpointsOf(withServer(SECURE))[0]?.http2).toBe(false)
    expect(endpointsOf(withServer(SECURE, 'http2: true'))[0]?.http2).toBe(true)
  })
})

describe('TLS of an endpoint', () => {
  it('stands over that of its server key by key, the client certificate as one', () => {
    const authority = testAuthority()
    const leaf = authority.issue({ purpose: 'clientAuth' })
    const pfx = leaf.pfx('secret')
    const text = withServer(
      'endpoints:',
      '  - {url: "https://w1.test/mcp"}',
      '  - {url: "https://w2.test/mcp"}',
      `  - {url: "https://w3.test/mcp", tls: {server_name: three.test, pfx_file: ${pfx}, password: secret}}`,
      `tls: {ca_cert: ${authority.certFile}, cert_file: ${leaf.certFile}, key_file: ${leaf.keyFile}, server_name: w.test, check_hostname: false}`,
    )
    const [first, second, third] = endpointsOf(text)
    expect(first?.tls).toMatchObject({
      caFile: authority.certFile,
      systemRoots: false,
      serverName: 'w.test',
      credential: { kind: 'pem', certFile: leaf.certFile },
    })
    expect(second?.tls).toBe(first?.tls)
    expect(third?.tls).toEqual({
      ...first?.tls,
      serverName: 'three.test',
      credential: { kind: 'pfx', pfxFile: pfx, password: 'secret' },
    })
  })

  it('has its faults where they were written', () => {
    const text = withServer(
      'endpoints:',
      '  - {url: "https://w1.test/mcp", tls: {insecure_skip_verify: true}}',
      '  - {url: "https://w2.test/mcp", tls: {server_name: a.test}}',
      'tls: {ca_cert: missing.crt}',
    )
    expect(faultLines(text)).toEqual([
      expect.stringContaining('4:66: servers.weather.endpoints[0].tls.insecure_skip_verify'),
      expect.stringContaining('6:20: servers.weather.tls.ca_cert: expected a PEM file'),
    ])
  })

  it('never shows passwords', () => {
    const loaded = load(withServer(SECURE, 'tls: {pfx_file: a.p12, password: hunter2}'))
    expect(JSON.stringify(loaded)).not.toContain('hunter2')
  })
})
