import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../../src/observability/index.ts'
import { run } from '../support/programs.ts'
import { openssl } from '../support/certificates.ts'
import { openRaw, rawHttp, type RawAnswer } from '../support/raw-http.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startFromConfig } from './start-from-config.ts'

interface Redirecting {
  readonly gateway: Awaited<ReturnType<typeof startFromConfig>>['gateway']
  readonly folder: string
  readonly metrics: Metrics
  readonly httpsPort: number
  readonly port: number
  readonly get: (path: string, host?: string, method?: string) => Promise<RawAnswer | undefined>
}

/** An https listener for mcp.example.com and *.b.example with a redirect in front of it. */
async function startRedirecting(keys = '', limits = ''): Promise<Redirecting> {
  const folder = temporaryFolder()
  const [cert, key] = [join(folder, 'a.crt'), join(folder, 'a.key')]
  const names = 'subjectAltName=DNS:mcp.example.com,DNS:*.b.example,IP:127.0.0.1'
  const files = ['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=a', '-addext', names]
  openssl(
    'req',
    '-x509',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    ...files,
  )
  const metrics = createMetrics()
  const { gateway, ports } = await startFromConfig(
    `listeners:
  - listen: "127.0.0.1:0"
    redirect_from: "127.0.0.1:0"
    tls: {cert_file: a.crt, key_file: a.key}
    allowed_hosts: [inside]
${keys}
servers: {one: {endpoints: [{url: "http://127.0.0.1:9/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
${limits}`,
    folder,
    { metrics },
  )
  const [httpsPort = 0, port = 0] = ports
  const get: Redirecting['get'] = (path, host = 'mcp.example.com', method = 'GET') =>
    rawHttp({ port }, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return { gateway, folder, metrics, httpsPort, port, get }
}

describe('redirect_from', () => {
  it('answers 308 to the same path and query over https', async () => {
    const { get, httpsPort } = await startRedirecting()
    const answer = await get('/mcp/a%20b;c?x=1&y=%2F..%2F&url=//evil.example')
    expect(answer?.status).toBe(308)
    expect(answer?.headers['location']).toBe(
      `https://mcp.example.com:${httpsPort}/mcp/a%20b;c?x=1&y=%2F..%2F&url=//evil.example`,
    )
    expect(answer?.headers['content-length']).toBe('0')
    expect(answer?.body).toBe('')
  })

  it.each(['POST', 'DELETE', 'HEAD', 'OPTIONS'])('redirects %s, too', async (method) => {
    const { get, httpsPort } = await startRedirecting()
    const answer = await get('/mcp', 'mcp.example.com', method)
    expect(answer?.status).toBe(308)
    expect(answer?.headers['location']).toBe(`https://mcp.example.com:${httpsPort}/mcp`)
  })

  it.each(['/healthz', '/readyz', '/health', '/metrics', '/'])(
    'serves nothing: %s is redirected',
    async (path) => {
      const { get } = await startRedirecting()
      expect((await get(path))?.status).toBe(308)
    },
  )

  it.each([
    ['mcp.example.com:8080', 'mcp.example.com'],
    ['MCP.Example.com', 'MCP.Example.com'],
    ['x.b.example:80', 'x.b.example'],
    ['inside', 'inside'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:8080', '[::1]'],
    ['localhost', 'localhost'],
  ])('takes the host that was asked for, %s, and the port of listen', async (host, expected) => {
    const { get, httpsPort } = await startRedirecting()
    expect((await get('/mcp', host))?.headers['location']).toBe(
      `https://${expected}:${httpsPort}/mcp`,
    )
  })

  it.each([
    'evil.example',
    'b.example',
    'x.y.b.example',
    'mcp.example.com.evil.example',
    '10.0.0.1',
  ])('leads nobody to a host that is not ours: %s', async (host) => {
    const { get, metrics } = await startRedirecting()
    const answer = await get('/mcp', host)
    expect(answer?.status).toBe(403)
    expect(answer?.headers['location']).toBeUndefined()
    expect(answer?.body).toContain('GW_HOST_NOT_ALLOWED')
    expect(await metrics.registry.metrics()).toContain(
      'sallyport_refusals_total{code="GW_HOST_NOT_ALLOWED"} 1',
    )
  })

  it.each([
    ['GET //evil.example/ HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n'],
    ['GET http://evil.example/ HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n'],
    ['GET /\\evil.example HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n'],
    ['GET /a\r\nX: y HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n'],
    ['GET / HTTP/1.1\r\nHost: mcp.example.com@evil.example\r\n\r\n'],
    ['GET / HTTP/1.1\r\nHost: mcp.example.com\r\nHost: evil.example\r\n\r\n'],
    ['GET / HTTP/1.0\r\n\r\n'],
    ['nonsense\r\n\r\n'],
  ])('answers malformed requests like any listener: %j', async (bytes) => {
    const { port } = await startRedirecting()
    const answer = await rawHttp({ port }, bytes)
    expect(answer?.status).toBe(400)
    expect(answer?.headers['location']).toBeUndefined()
    expect(answer?.body).toContain('GW_BAD_FRAMING')
  })

  it('has the budgets of the listener', async () => {
    const { port } = await startRedirecting('', 'limits: {max_headers: 8}')
    const fields = 'X-A: a\r\n'.repeat(8)
    const answer = await rawHttp({ port }, `GET / HTTP/1.1\r\nHost: inside\r\n${fields}\r\n`)
    expect(answer?.status).toBe(431)
  })

  it('keeps the connection after a request without content', async () => {
    const { port } = await startRedirecting()
    const connection = await openRaw({ port })
    for (const path of ['/a', '/b']) {
      connection.send(`GET ${path} HTTP/1.1\r\nHost: inside\r\n\r\n`)
      expect((await connection.answer())?.headers['location']).toContain(path)
    }
  })

  it('speaks no HTTPS and never sends HSTS', async () => {
    const { get } = await startRedirecting('    security_headers: {x_frame_options: SAMEORIGIN}')
    for (const answer of [await get('/'), await get('/', 'evil.example')]) {
      expect(answer?.headers['strict-transport-security']).toBeUndefined()
      expect(answer?.headers['x-content-type-options']).toBe('nosniff')
      expect(answer?.headers['x-frame-options']).toBe('SAMEORIGIN')
    }
  })

  it('is counted, and shown among the addresses', async () => {
    const { get, metrics, gateway, port } = await startRedirecting()
    await get('/mcp')
    expect(await metrics.registry.metrics()).toContain(
      'sallyport_exchanges_total{route="redirect",status="308"} 1',
    )
    expect(gateway.addresses[1]).toEqual({ name: '127.0.0.1:0', url: `http://127.0.0.1:${port}` })
  })

  it('stops with the gateway', async () => {
    const { port, gateway, get } = await startRedirecting()
    const connection = await openRaw({ port })
    connection.send('GET /mcp HTTP/1.1\r\nHost: inside\r\n\r\n')
    expect((await connection.answer())?.status).toBe(308)
    await gateway.stop()
    await connection.closed
    expect(await get('/mcp')).toBeUndefined()
  })

  it('leads curl to the https listener, with its method and body', async () => {
    const { port, httpsPort } = await startRedirecting()
    const { output } = await run('curl', [
      '-sSkL',
      '--data',
      '{}',
      '--header',
      'Content-Type: application/json',
      '--connect-to',
      `mcp.example.com:${httpsPort}:127.0.0.1:${httpsPort}`,
      '--connect-to',
      `mcp.example.com:80:127.0.0.1:${port}`,
      'http://mcp.example.com/mcp',
    ])
    // It got there: what it sent is JSON, but no message.
    expect(output).toContain('GW_INVALID_MESSAGE')
  })
})

describe('external_url', () => {
  it('is where everybody is sent, whatever host they asked for', async () => {
    const { get } = await startRedirecting('    external_url: https://public.example:4443')
    for (const host of ['inside', 'public.example', 'public.example:80']) {
      const { status, headers } = (await get('/mcp?a=b', host)) ?? {}
      expect([status, headers?.['location']]).toEqual([308, 'https://public.example:4443/mcp?a=b'])
    }
  })

  it('loses the port that https has anyway', async () => {
    const { get } = await startRedirecting('    external_url: https://Public.example:443/')
    expect((await get('/mcp', 'inside'))?.headers['location']).toBe('https://public.example/mcp')
  })

  it('does not open the listener for other hosts', async () => {
    const { get } = await startRedirecting('    external_url: https://public.example')
    expect((await get('/mcp', 'evil.example'))?.status).toBe(403)
  })

  it('names a host that the https listener answers for', async () => {
    const { httpsPort } = await startRedirecting('    external_url: https://public.example')
    const ask = (host: string) =>
      rawHttp(
        { port: httpsPort, tls: { rejectUnauthorized: false } },
        `GET /nothing HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      )
    expect((await ask('public.example'))?.status).toBe(404)
    expect((await ask('other.example'))?.status).toBe(403)
  })
})

describe('acme_challenge_dir', () => {
  const TOKEN = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA'
  const at = (token: string): string => `/.well-known/acme-challenge/${token}`

  const startWithChallenges = async () => {
    const started = await startRedirecting('    acme_challenge_dir: challenges')
    const challenges = join(started.folder, 'challenges')
    mkdirSync(challenges)
    writeFileSync(join(challenges, TOKEN), `${TOKEN}.thumbprint`)
    return { ...started, challenges }
  }

  it('is served, whatever name the authority asks for', async () => {
    const { get } = await startWithChallenges()
    for (const host of ['mcp.example.com', 'not-yet-in-the-certificate.example']) {
      const answer = await get(at(TOKEN), host)
      expect(answer?.status).toBe(200)
      expect(answer?.body).toBe(`${TOKEN}.thumbprint`)
      expect(answer?.headers['content-type']).toBe('application/octet-stream')
    }
    expect((await get(`${at(TOKEN)}?x=y`))?.status).toBe(200)
  })

  it('answers HEAD with the length alone', async () => {
    const { port } = await startWithChallenges()
    const connection = await openRaw({ port })
    connection.send(`HEAD ${at(TOKEN)} HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n`)
    const text = await connection.until(() => false)
    expect(text).toMatch(/^HTTP\/1.1 200 /)
    expect(text).toContain(`content-length: ${`${TOKEN}.thumbprint`.length}\r\n`)
    expect(text).not.toContain('thumbprint')
  })

  it('is nothing but files with the name of a token', async () => {
    const { get, folder, challenges } = await startWithChallenges()
    writeFileSync(join(folder, 'secret'), 'secret')
    symlinkSync(join(folder, 'secret'), join(challenges, 'link'))
    mkdirSync(join(challenges, 'folder'))
    writeFileSync(join(challenges, 'long'), 'a'.repeat(2_000))
    writeFileSync(join(challenges, 'with.dot'), 'dot')
    const paths = [
      '',
      'unknown',
      'link',
      'folder',
      'folder/',
      'long',
      'with.dot',
      '%2e',
      `${TOKEN}%00`,
    ]
    for (const path of [
      ...paths,
      `x/${TOKEN}`,
      'a'.repeat(129),
      '..%2f..%2fa.key',
      '%2fetc%2fpasswd',
    ]) {
      const answer = await get(at(path))
      expect([path, answer?.status]).toEqual([
        path,
        path.includes('..%2f') || path === '%2e' ? 400 : 404,
      ])
      expect(answer?.body).not.toContain('secret')
    }
  })

  it.each(['POST', 'PUT', 'DELETE'])('is not written to: %s is 404', async (method) => {
    const { get } = await startWithChallenges()
    expect((await get(at(TOKEN), 'inside', method))?.status).toBe(404)
  })

  it('is 404 without the key, never a redirect', async () => {
    const { get } = await startRedirecting()
    const answer = await get(at(TOKEN))
    expect(answer?.status).toBe(404)
    expect(answer?.body).toContain('GW_NO_ROUTE')
    expect(answer?.headers['location']).toBeUndefined()
  })
})
