// The gateway as a client whose key is inside an HSM, here SoftHSM: a server that wants its certificate sees it, and who sees it
// knows that the token signed.
import { once } from 'node:events'
import { randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { issueCert } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { jsonOf, until } from '../support/servers.ts'
import { ENGINE, hasSoftHsm, KEY_TYPES, softHsm, type SoftHsm } from '../support/soft-hsm.ts'

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { id } = await jsonOf(request)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
}

/** A gateway that calls a server which wants the certificate `me`, whose key is in the HSM. */
async function startBeforeServer(
  hsm: SoftHsm,
  certFile: string,
  { version, http2 }: { version: (typeof VERSIONS)[number]; http2: boolean },
) {
  const own = issueCert()
  const seen: string[] = []
  const server = createHttpsServer(
    {
      cert: own.ca,
      key: readFileSync(own.keyFile),
      ca: readFileSync(certFile),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    },
    (request, response) => {
      seen.push((request.socket as TLSSocket).getPeerCertificate().fingerprint256)
      void answer(request, response)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const gateway = await startGatewayProcess(
    {
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: {
        one: {
          http2,
          endpoints: [{ url: `https://localhost:${port}/mcp` }],
          tls: {
            ca_cert: own.certFile,
            cert_file: certFile,
            key_engine: ENGINE,
            key_identifier: hsm.uri('me'),
          },
        },
      },
      routes: [{ path: '/mcp', servers: ['one'] }],
    },
    hsm.env,
  )
  return { gateway, server, seen }
}

describe.skipIf(!hasSoftHsm)('a client certificate with its key in an HSM (SoftHSM)', () => {
  it.each(
    VERSIONS.flatMap((version) =>
      KEY_TYPES.flatMap((type) => [true, false].map((http2) => [version, type, http2] as const)),
    ),
  )('is shown to a server: %s, %s, HTTP/2 wanted: %s', async (version, type, http2) => {
    const hsm = softHsm()
    const certFile = hsm.issue('me', { type })
    const { gateway, seen } = await startBeforeServer(hsm, certFile, { version, http2 })
    const answered = await fetch(`${gateway.url}/mcp`, modernRequest('tools/list'))
    expect([answered.status, seen.at(-1)]).toEqual([200, fingerprintOf(certFile)])
  })

  it('fails the call with a sentence when the key is gone', async () => {
    const hsm = softHsm()
    const options = { version: 'TLSv1.3', http2: false } as const
    const { gateway, server } = await startBeforeServer(hsm, hsm.issue('me'), options)
    hsm.destroy('me')
    // Without a session that could be resumed, and without a connection that is open, or was about to be. Each time anew:
    // the token may notice late that the key is gone, and the handshake before that gives a ticket.
    const isFailed = async (): Promise<boolean> => {
      server.setTicketKeys(randomBytes(48))
      server.closeAllConnections()
      return (await fetch(`${gateway.url}/mcp`, modernRequest('tools/list'))).status === 502
    }
    await until(isFailed, 'a call that fails')
    const sentence = 'the gateway could not sign with the key of its client certificate'
    await until(() => gateway.log().includes(sentence), 'the log line')
    expect(gateway.log()).not.toContain(hsm.pin)
  })
})
