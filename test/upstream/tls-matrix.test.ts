import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { GatewayError } from '../../src/core/index.ts'
import { DEFAULT_CLIENT_TLS, type ClientTlsOptions } from '../../src/tls/index.ts'
import { parsePin } from '../../src/tls/pins.ts'
import type { HttpEndpointOptions, Upstream } from '../../src/upstream/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { until } from '../support/servers.ts'
import { startHttpUpstream } from './http-upstream.ts'
import { get, post, record, startUpstream } from './recorded-call.ts'
import { INITIALIZE, send } from './stdio/harness.ts'
import { startTlsServer, type TestTlsServerOptions } from './tls-server.ts'

let authority: TestAuthority
let other: TestAuthority
let right: TestLeaf
let foreign: TestLeaf
let client: TestLeaf
const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'sallyport-')))
beforeAll(() => {
  authority = testAuthority('Test CA', folders[0])
  other = testAuthority('Other CA', folders[1])
  foreign = other.issue()
  right = authority.issue()
  client = authority.issue({ commonName: 'gateway', purpose: 'clientAuth', subjectAltName: '' })
})

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const serves = ({ cert, key }: TestLeaf): TestTlsServerOptions => ({ cert, key })

const asksForCertificate = (): TestTlsServerOptions => ({
  ...serves(right),
  ca: authority.cert,
  requestCert: true,
  rejectUnauthorized: true,
})

const shows = ({ certFile, keyFile }: TestLeaf): Partial<ClientTlsOptions> => ({
  credential: { kind: 'pem', certFile, keyFile, keyPassword: undefined },
})

const pinned = (written: string): Partial<ClientTlsOptions> => ({
  pins: [parsePin(written)].flatMap((pin) => pin ?? []),
})

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const derOf = (leaf: TestLeaf): Buffer => new X509Certificate(leaf.cert).raw
const spkiOf = (leaf: TestLeaf): Buffer =>
  new X509Certificate(leaf.cert).publicKey.export({ type: 'spki', format: 'der' })

interface Cell {
  readonly server: () => TestTlsServerOptions
  readonly options?: () => Partial<ClientTlsOptions>
  /** Undefined: it must be let through. */
  readonly refusal?: RegExp
}

const trusts = (): Partial<ClientTlsOptions> => ({})

const CELLS: Readonly<Record<string, Cell>> = {
  right: { server: () => serves(right) },
  'wrong name': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test,DNS:two.test' })),
    refusal: /is not for 127\.0\.0\.1: it is for one\.test, two\.test$/,
  },
  'wrong name, unchecked': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ checkHostname: false }),
  },
  'another name, expected': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ serverName: 'one.test' }),
  },
  'wrong CA': {
    server: () => serves(foreign),
    refusal: /signed by an unknown authority/,
  },
  'wrong CA, unchecked name': {
    server: () => serves(foreign),
    options: () => ({ checkHostname: false }),
    refusal: /signed by an unknown authority/,
  },
  'wrong CA, verification skipped': {
    server: () => serves(other.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ caFile: undefined, insecureSkipVerify: true }),
  },
  'wrong CA, with the roots of the system': {
    server: () => serves(right),
    options: () => ({ caFile: other.certFile, systemRoots: true }),
    refusal: /signed by an unknown authority/,
  },
  expired: {
    server: () => serves(authority.issue({ fromDay: -3, toDay: -1 })),
    refusal: /has expired/,
  },
  'not yet valid': {
    server: () => serves(authority.issue({ fromDay: 1, toDay: 3 })),
    refusal: /is not valid yet/,
  },
  'for clients only': {
    server: () => serves(authority.issue({ purpose: 'clientAuth' })),
    refusal: /is not for servers/,
  },
  'pinned right, by certificate': {
    server: () => serves(right),
    options: () => pinned(`sha256:${sha256(derOf(right)).toString('hex')}`),
  },
  'pinned right, by key': {
    server: () => serves(right),
    options: () => pinned(`sha256:${sha256(spkiOf(right)).toString('base64')}`),
  },
  'pinned right, by thumbprint': {
    server: () => serves(right),
    options: () => pinned(createHash('sha1').update(derOf(right)).digest('hex').toUpperCase()),
  },
  'pinned wrong': {
    server: () => serves(right),
    options: () => pinned(`sha256:${'ab'.repeat(32)}`),
    refusal: /is none of the pinned ones/,
  },
  'pinned right, but of the wrong CA': {
    server: () => serves(foreign),
    options: () => pinned(`sha256:${sha256(derOf(foreign)).toString('hex')}`),
    refusal: /signed by an unknown authority/,
  },
  'client certificate shown': { server: asksForCertificate, options: () => shows(client) },
  'client certificate withheld': {
    server: asksForCertificate,
    refusal: /wants a client certificate, and the gateway has none/,
  },
  'client certificate withheld, TLS 1.2': {
    server: () => ({ ...asksForCertificate(), maxVersion: 'TLSv1.2' }),
    refusal: /wants a client certificate and the gateway has none/,
  },
  'client certificate of the wrong CA': {
    server: asksForCertificate,
    options: () => shows(other.issue({ purpose: 'clientAuth' })),
    refusal: /gateway’s client certificate/,
  },
  'older than allowed': {
    server: () => ({ ...serves(right), maxVersion: 'TLSv1.2' }),
    options: () => ({ minVersion: '1.3' }),
    refusal: /no version of TLS in common/,
  },
}

interface Outcome {
  readonly error: GatewayError | undefined
  readonly sent: boolean | undefined
}

const SSE = 'HTTP+SSE'

const PATHS: Readonly<Record<string, (upstream: Upstream) => Promise<Outcome>>> = {
  async call(upstream) {
    const sink = record()
    upstream.send(post(), sink)
    return { error: await sink.over, sent: sink.sent }
  },
  async stream(upstream) {
    const sink = record()
    const call = upstream.send(get(), sink)
    let error: GatewayError | undefined
    const ended = sink.over.then((it) => (error = it))
    await Promise.race([ended, until(() => sink.text.includes('hello'), 'an event')])
    call.abort()
    return { error, sent: sink.sent }
  },
  async probe(upstream) {
    const error = await upstream.probe(1_000).then(
      () => undefined,
      (thrown: GatewayError) => thrown,
    )
    return { error, sent: false }
  },
  async [SSE](upstream) {
    const { over } = send(upstream, { body: INITIALIZE })
    const { error, sent, status } = await over
    if (error === undefined) expect(status).toBe(200)
    return { error, sent }
  },
}

const REQUESTS: Readonly<Record<string, readonly string[]>> = {
  call: ['POST'],
  stream: ['GET'],
  probe: [],
  [SSE]: ['GET', 'POST'],
}

interface Row {
  readonly cell: string
  readonly path: string
  readonly http2: boolean
}

const rowsOf = (cell: string): readonly Row[] =>
  Object.keys(PATHS).flatMap((path) => [false, true].map((http2) => ({ cell, path, http2 })))

const LET_THROUGH = Object.keys(CELLS)
  .filter((cell) => CELLS[cell]?.refusal === undefined)
  .flatMap(rowsOf)
const REFUSED = Object.entries(CELLS).flatMap(([cell, { refusal }]) =>
  refusal === undefined ? [] : rowsOf(cell).map((row) => ({ ...row, refusal })),
)

function startOn(path: string, url: string, options: Partial<HttpEndpointOptions> = {}): Upstream {
  return path === SSE
    ? startHttpUpstream(url, { ...options, protocol: 'http_sse' })
    : startUpstream(url, options)
}

async function run({ cell, path, http2 }: Row) {
  const { server: serverOptions, options = trusts } = CELLS[cell] as Cell
  const server = await startTlsServer({ ...serverOptions(), http2, sse: path === SSE })
  const own = { caFile: authority.certFile, systemRoots: false, ...options() }
  const upstream = startOn(path, server.url, { tls: { ...DEFAULT_CLIENT_TLS, ...own }, http2 })
  const outcome = await (PATHS[path] as (typeof PATHS)[string])(upstream)
  return { ...outcome, requests: server.requests }
}

describe('an endpoint', () => {
  it.each(LET_THROUGH)('is let through: $cell; $path, HTTP/2 $http2', async (row) => {
    const { error, requests } = await run(row)
    expect(error).toBeUndefined()
    const version = row.http2 ? '2.0' : '1.1'
    expect(requests).toEqual(REQUESTS[row.path]?.map((method) => `${method} ${version}`))
  })

  it.each(REFUSED)('is refused: $cell; $path, HTTP/2 $http2', async (row) => {
    const { error, sent, requests } = await run(row)
    expect(error).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(error?.message).toMatch(row.refusal)
    expect(sent).toBe(false)
    expect(requests).toEqual([])
  })

  it.each(Object.keys(PATHS))('is refused where it answers in plain HTTP: %s', async (path) => {
    const server = createServer((_, response) => response.end('{}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const upstream = startOn(path, `https://127.0.0.1:${port}/mcp`)
    const { error } = await (PATHS[path] as (typeof PATHS)[string])(upstream)
    expect(error).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(error?.message).toMatch(/does not speak TLS/)
  })
})
