// The security headers as they are configured, on the answers of a whole gateway: its own and forwarded ones.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makePair } from '../config/config-file.ts'
import { openHttp2, request } from '../listener/http2-client.ts'
import { rawHttp } from '../support/raw-http.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startFromConfig } from './start-from-config.ts'

const BY_DEFAULT = {
  'strict-transport-security': 'max-age=31536000',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy':
    'accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()',
}
const NAMES = Object.keys(BY_DEFAULT)

type Headers = Readonly<Record<string, unknown>>
type Answer = { readonly status: number; readonly headers: Headers }

const securityOf = (headers: Headers | undefined): object =>
  Object.fromEntries(
    NAMES.flatMap((name) => (headers?.[name] === undefined ? [] : [[name, headers[name]]])),
  )

/** A server that has its own idea of these headers. */
async function startOpinionated(): Promise<number> {
  const server = createServer((incoming, response) => {
    const isStream = incoming.headers['x-want'] === 'stream'
    response.writeHead(incoming.headers['x-want'] === 'failure' ? 500 : 200, {
      'content-type': isStream ? 'text/event-stream' : 'application/json',
      'Strict-Transport-Security': 'max-age=0',
      'X-Frame-Options': 'ALLOWALL',
      'X-Powered-By': 'theirs',
    })
    response.end(
      isStream
        ? 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
        : '{"jsonrpc":"2.0","id":1,"result":{}}',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

interface Asking {
  readonly ask: (path: string, fields?: Record<string, string>, body?: string) => Promise<Answer>
  readonly ports: readonly number[]
  readonly adminPort: number
}

async function start(keys: string, protocol: 'https' | 'http' | 'h2'): Promise<Asking> {
  const folder = temporaryFolder()
  makePair(folder, 'a')
  const behind = await startOpinionated()
  const tls = protocol === 'http' ? '' : '    tls: {cert_file: a.crt, key_file: a.key}\n'
  const { ports, gateway } = await startFromConfig(
    `listeners:
  - listen: "127.0.0.1:0"
${tls}${keys}
servers:
  one: {endpoints: [{url: "http://127.0.0.1:${behind}/mcp"}]}
  gone: {endpoints: [{url: "http://127.0.0.1:9/mcp"}]}
routes: [{path: /mcp, servers: [one]}, {path: /gone, servers: [gone]}]
admin: {listen: "127.0.0.1:0"}
`,
    folder,
  )
  const [port = 0] = ports
  const ca = readFileSync(join(folder, 'a.crt'))
  const ask: Asking['ask'] = async (path, fields = {}, body) => {
    const { ':method': method = body === undefined ? 'GET' : 'POST', ...others } = fields
    const all = { ...others, ...(body !== undefined && { 'content-type': 'application/json' }) }
    if (protocol === 'h2') {
      return request(openHttp2({ port, ca }), { ':path': path, ':method': method, ...all }, body)
    }
    const length = String(body?.length ?? 0)
    const lines = Object.entries({ host: 'localhost', 'content-length': length, ...all })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const target = protocol === 'http' ? { port } : { port, tls: { ca, servername: 'localhost' } }
    const answer = await rawHttp(target, `${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ''}`)
    return { status: answer?.status ?? 0, headers: answer?.headers ?? {} }
  }
  return { ask, ports, adminPort: Number(new URL(gateway.adminUrl ?? '').port) }
}

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const LEGACY = {
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-06-18',
}

describe.each(['https', 'h2'] as const)('over %s, by default', (protocol) => {
  it.each([
    ['a forwarded answer', 200, '/mcp', LEGACY, CALL],
    ['a forwarded event stream', 200, '/mcp', { ...LEGACY, 'x-want': 'stream' }, CALL],
    ['a forwarded failure', 500, '/mcp', { ...LEGACY, 'x-want': 'failure' }, CALL],
    ['a server that cannot be reached', 502, '/gone', LEGACY, CALL],
    ['a message that is none', 400, '/mcp', LEGACY, '{}'],
    ['a method that is not served', 405, '/mcp', { ':method': 'PUT' }, undefined],
    ['a path without route', 404, '/nothing', {}, undefined],
    ['a foreign origin', 403, '/mcp', { origin: 'https://evil.example' }, undefined],
    ['liveness', 200, '/healthz', {}, undefined],
    ['readiness', 200, '/readyz', {}, undefined],
    ['health', 200, '/health', {}, undefined],
  ] as const)('%s (%i) has all of them', async (_, status, path, fields, body) => {
    const { ask } = await start('', protocol)
    const answer = await ask(path, fields, body)
    expect(answer.status).toBe(status)
    expect(securityOf(answer.headers)).toEqual(BY_DEFAULT)
  })

  it('the other headers of a server pass', async () => {
    const { ask } = await start('', protocol)
    expect((await ask('/mcp', LEGACY, CALL)).headers['x-powered-by']).toBe('theirs')
  })
})

describe('over plain http', () => {
  it('there is only nosniff by default, and never HSTS, whoever sends it', async () => {
    const { ask, adminPort } = await start('', 'http')
    const own = await ask('/healthz')
    expect(securityOf(own.headers)).toEqual({ 'x-content-type-options': 'nosniff' })
    const forwarded = await ask('/mcp', LEGACY, CALL)
    expect(securityOf(forwarded.headers)).toEqual({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'ALLOWALL',
    })
    const metrics = await rawHttp(
      { port: adminPort },
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
    )
    expect(metrics?.status).toBe(200)
    expect(securityOf(metrics?.headers)).toEqual({ 'x-content-type-options': 'nosniff' })
  })

  it('there is what is configured', async () => {
    const keys = `    security_headers:
      content_security_policy: "default-src 'self'"
      x_frame_options: SAMEORIGIN
      x_content_type_options: none
      referrer_policy: same-origin
      permissions_policy: camera=()`
    const { ask } = await start(keys, 'http')
    expect(securityOf((await ask('/mcp', LEGACY, CALL)).headers)).toEqual({
      'content-security-policy': "default-src 'self'",
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'same-origin',
      'permissions-policy': 'camera=()',
    })
  })
})

describe('each of them', () => {
  it.each([
    ['hsts: {enabled: false}', 'strict-transport-security', undefined],
    ['hsts: {max_age: 0s}', 'strict-transport-security', 'max-age=0'],
    ['hsts: {max_age: 1h}', 'strict-transport-security', 'max-age=3600'],
    [
      'hsts: {include_subdomains: true}',
      'strict-transport-security',
      'max-age=31536000; includeSubDomains',
    ],
    [
      'hsts: {max_age: 730d, include_subdomains: true, preload: true}',
      'strict-transport-security',
      'max-age=63072000; includeSubDomains; preload',
    ],
    ['content_security_policy: none', 'content-security-policy', undefined],
    [
      `content_security_policy: "default-src 'self'"`,
      'content-security-policy',
      "default-src 'self'",
    ],
    ['x_frame_options: none', 'x-frame-options', undefined],
    ['x_frame_options: SAMEORIGIN', 'x-frame-options', 'SAMEORIGIN'],
    ['x_content_type_options: none', 'x-content-type-options', undefined],
    ['referrer_policy: none', 'referrer-policy', undefined],
    ['referrer_policy: strict-origin', 'referrer-policy', 'strict-origin'],
    ['permissions_policy: none', 'permissions-policy', undefined],
    ['permissions_policy: "camera=(self)"', 'permissions-policy', 'camera=(self)'],
  ])('is configured alone: %s', async (written, name, value) => {
    const { ask } = await start(`    security_headers:\n      ${written}`, 'https')
    const { [name]: _, ...others } = BY_DEFAULT as Record<string, string>
    expect(securityOf((await ask('/healthz')).headers)).toEqual({
      ...others,
      ...(value !== undefined && { [name]: value }),
    })
  })
})
