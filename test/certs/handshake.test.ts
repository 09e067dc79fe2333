// The certificates in real handshakes, where a client checks them by its own rules.
import { once } from 'node:events'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { issueLeaf, makeAuthority, writeKeyPair } from '../../src/certs/index.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const HOUR_MS = 60 * 60 * 1000

const authority = await makeAuthority({ commonName: 'Test authority', validForMs: HOUR_MS })
const stranger = await makeAuthority({ commonName: 'Test authority', validForMs: HOUR_MS })
const server = await issueLeaf({
  authority,
  purpose: 'server',
  commonName: 'localhost',
  names: [
    { kind: 'dns', value: 'localhost' },
    { kind: 'ip', value: '127.0.0.1' },
  ],
  validForMs: HOUR_MS,
})
const client = await issueLeaf({
  authority,
  purpose: 'client',
  commonName: 'agent',
  names: [{ kind: 'uri', value: 'spiffe://example.com/agent' }],
  validForMs: HOUR_MS,
})

/** Answers with what it makes of the client: its names, or why it does not believe them. */
async function startServer(clients: 'not asked' | 'asked' = 'not asked'): Promise<number> {
  const { certPem: cert, keyPem: key } = server
  const asking = { requestCert: true, rejectUnauthorized: false, ca: authority.certPem }
  const https = createServer({ cert, key, ...(clients === 'asked' && asking) }, (req, res) => {
    const socket = req.socket as TLSSocket
    const { subjectaltname = 'nobody' } = socket.getPeerCertificate()
    const isRefused = clients === 'asked' && !socket.authorized
    res.end(isRefused ? `refused: ${String(socket.authorizationError)}` : subjectaltname)
  })
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  onTestFinished(() => {
    https.closeAllConnections()
    https.close()
  })
  return (https.address() as AddressInfo).port
}

function get(port: number, options: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, agent: false, ...options }, (res) => {
      res.setEncoding('utf8').on('data', resolve)
    })
    call.on('error', reject).end()
  })
}

describe('a client in Node', () => {
  it('accepts the server that its authority vouches for, by name and by address', async () => {
    const port = await startServer()
    expect(await get(port, { ca: authority.certPem })).toBe('nobody')
    expect(await get(port, { ca: authority.certPem, servername: 'localhost' })).toBe('nobody')
  })

  it('refuses it by another name', async () => {
    const port = await startServer()
    const refused = get(port, { ca: authority.certPem, servername: 'example.com' })
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  it('refuses it when it trusts another authority, even one of the same name', async () => {
    const port = await startServer()
    // Only the key differs, and with it the key identifier.
    const refused = get(port, { ca: stranger.certPem })
    await expect(refused).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  })

  it('is known to the server by its own certificate', async () => {
    const port = await startServer('asked')
    const { certPem: cert, keyPem: key } = client
    const names = await get(port, { ca: authority.certPem, cert, key })
    expect(names).toBe('URI:spiffe://example.com/agent')
  })

  it('is refused by the server with a certificate that was made for servers', async () => {
    const port = await startServer('asked')
    const { certPem: cert, keyPem: key } = server
    expect(await get(port, { ca: authority.certPem, cert, key })).toBe('refused: INVALID_PURPOSE')
  })
})

describe.skipIf(!hasTool('curl'))('curl', () => {
  it('accepts the server that its authority vouches for, and no other', async () => {
    const port = await startServer()
    const folder = temporaryFolder()
    const ours = await writeKeyPair({ folder, name: 'ca', pair: authority })
    const other = await writeKeyPair({ folder, name: 'stranger', pair: stranger })
    const curl = (caFile: string) =>
      run('curl', ['-sS', '--noproxy', '*', '--cacert', caFile, `https://localhost:${port}/`])
    expect(await curl(ours.certFile)).toEqual({ exitCode: 0, output: 'nobody' })
    // 60: peer certificate cannot be authenticated.
    expect(await curl(other.certFile)).toMatchObject({ exitCode: 60 })
  })
})
