// What becomes of a client's certificate behind the listener: a line in the log, and a field for the server where that is
// wanted, which nobody but the gateway can write.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority, type TestAuthority, type TestLeafOptions } from '../support/pki.ts'
import { startHttpServer } from '../support/servers.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

interface Seen {
  /** Fields of the certificate that reached the server: `name: value`. */
  readonly fields: readonly string[]
  readonly log: readonly Record<string, unknown>[]
}

const ABOUT_CLIENTS = /^(?:client-cert|x-forwarded-client-cert|x-client-)/

async function call(
  tls: (authority: TestAuthority) => Partial<ServerTlsOptions>,
  certificate: TestLeafOptions | undefined,
  headers: Record<string, string> = {},
): Promise<Seen> {
  const fields: string[] = []
  const log: Record<string, unknown>[] = []
  const server = await startHttpServer(async (request, response) => {
    await buffer(request)
    for (const [name, value] of Object.entries(request.headers)) {
      if (ABOUT_CLIENTS.test(name)) fields.push(`${name}: ${String(value)}`)
    }
    response
      .setHeader('content-type', 'application/json')
      .end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  const authority = testAuthority('Clients')
  const options = { level: 'info', access: true } as const
  const gateway = await startTestGateway({
    servers: { mcp: [httpEndpoint(server.url)] },
    listener: { tls: serverTlsOptions(authority.issue(), tls(authority)) },
    overrides: { log: options },
    dependencies: {
      log: createLog(options, { write: (line) => void log.push(JSON.parse(line)) }),
    },
  })
  const leaf = certificate && authority.issue({ purpose: 'clientAuth', ...certificate })
  const message = modernRequest('tools/list')
  const request = httpsRequest(`${gateway.url}/mcp`, {
    method: 'POST',
    ca: authority.cert,
    agent: false,
    headers: { ...message.headers, ...headers },
    ...(leaf && { cert: leaf.cert, key: leaf.key }),
  }).end(message.body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await buffer(response)
  expect(response.statusCode).toBe(200)
  await gateway.stop()
  return { fields, log }
}

const verify = ({ certFile }: TestAuthority) =>
  ({ clientAuth: 'verify', clientCaFile: certFile, forwardClientIdentity: true }) as const
const request = ({ certFile }: TestAuthority) =>
  ({ clientAuth: 'request', clientCaFile: certFile, forwardClientIdentity: true }) as const

const FORGED = {
  'client-cert': ':AAAA:',
  'client-cert-chain': ':AAAA:',
  'X-Forwarded-Client-Cert': 'Subject="CN=root"',
  'x-client-verify': 'SUCCESS',
  'x-client-dn': 'CN=root',
  'x-client-san': 'root',
}

describe('a server', () => {
  it('is told of the certificate of a verified client', async () => {
    const { fields } = await call(verify, {
      commonName: 'ada',
      subjectAltName: 'URI:spiffe://a.example/ada,DNS:ada.example,email:ada@a.example',
    })
    expect(fields).toEqual([
      expect.stringMatching(
        /^x-forwarded-client-cert: Hash=[0-9a-f]{64};Subject="CN=ada";URI=spiffe:\/\/a\.example\/ada;DNS=ada\.example;Email=ada@a\.example$/,
      ),
    ])
  })

  it('is told by the gateway alone', async () => {
    const { fields } = await call(verify, { commonName: 'ada' }, FORGED)
    expect(fields).toEqual([expect.stringContaining('Subject="CN=ada"')])
  })

  it.each([
    ['has no certificate', request, undefined],
    ['has one that nobody verified', request, { fromDay: -3, toDay: -1 }],
    [
      'is verified, but forwarding is off',
      (it: TestAuthority) => ({ ...verify(it), forwardClientIdentity: false }),
      {},
    ],
    ['is not asked', () => ({}), undefined],
  ])('is told nothing, nor what the client claims, when that %s', async (_, tls, certificate) => {
    expect((await call(tls, certificate, FORGED)).fields).toEqual([])
  })

  it('gets names that look like parts of the field as what they are', async () => {
    const { fields } = await call(verify, {
      commonName: 'a";URI=root,Subject="é',
      subjectAltName: '',
      extensions: ['subjectAltName=@names', '[names]', 'URI=spiffe://a.example/x;DNS=root,Hash=0'],
    })
    const [field = ''] = fields
    // Outside of quotes there are two names, and no second certificate.
    const bare = field.replaceAll(/"(?:[^"\\]|\\.)*"/g, '"…"')
    expect(bare).toMatch(/^x-forwarded-client-cert: Hash=[0-9a-f]{64};Subject="…";URI="…"$/)
    expect(field).toMatch(/^[\x20-\x7e]+$/)
  })
})

describe('a line of the log about a call', () => {
  it('has who the client is', async () => {
    const { log } = await call(verify, {
      commonName: 'ada',
      subjectAltName: 'URI:spiffe://a.example/ada',
    })
    expect(log.find(({ msg }) => msg === 'exchange')?.['peer']).toBe('spiffe://a.example/ada')
  })

  it('says of a client that nobody verified that this is its claim', async () => {
    const { log } = await call(request, { commonName: 'eve', fromDay: -3, toDay: -1 })
    expect(log.find(({ msg }) => msg === 'exchange')?.['peer']).toBe('not verified: CN=eve')
  })
})
