// What a reload does to the clients of a running gateway: those who are trusted no longer go, the others notice nothing.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { openRaw } from '../support/raw-http.ts'
import { jsonOf, startHttpServer, until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

function startServer() {
  return startHttpServer(async (request, response) => {
    const { id } = await jsonOf(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }))
  })
}

async function startWith(tls: object) {
  const { url } = await startServer()
  const gateway = await startGatewayProcess({
    listeners: [{ listen: '127.0.0.1:0', tls }],
    servers: { one: { endpoints: [{ url }] } },
    routes: [{ path: '/mcp', servers: ['one'] }],
    log: { level: 'warn' },
  })
  const port = Number(new URL(gateway.url).port)
  const changes = (): Promise<number> =>
    gateway.metric('sallyport_tls_reloads_total{source="listener 127.0.0.1:0",result="changed"}')
  /** Makes a change of the files and waits until the listener has it. */
  const reloadedAfter = async (change: () => void): Promise<void> => {
    const before = await changes()
    change()
    await until(async () => (await changes()) > before, 'the reload')
  }
  return { port, reloadedAfter }
}

const CALL = modernRequest('tools/list')

/** A call as it stands on the wire, to be sent as often as wanted. */
function wireCall(host = 'localhost'): string {
  const fields = { ...CALL.headers, host, 'content-length': String(Buffer.byteLength(CALL.body)) }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return `POST /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${CALL.body}`
}

function writeOver(file: string, from: string): void {
  writeFileSync(`${file}.new`, readFileSync(from), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Whether a call on a new connection is answered, and whether the connection resumed the session it offered. */
async function tryCall(options: ConnectionOptions) {
  const socket = connect({ host: '127.0.0.1', servername: 'localhost', ...options })
  onTestFinished(() => void socket.destroy())
  let session: Buffer | undefined
  let isResumed = false
  let answer = ''
  socket.on('session', (next: Buffer) => (session = next))
  socket.on('error', () => {})
  socket.once('secureConnect', () => {
    isResumed = socket.isSessionReused()
    socket.write(wireCall())
  })
  const isAnswered = await new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(false))
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      if (answer.includes('"result":{}')) resolve(true)
    })
  })
  return { isAnswered, isResumed, session }
}

describe('a new revocation list', () => {
  it('ends the connections of those on it, for good, and no others', async () => {
    const authority = testAuthority()
    const own = authority.issue()
    const [good, bad] = ['good', 'bad'].map((commonName) =>
      authority.issue({ commonName, purpose: 'clientAuth' }),
    ) as [TestLeaf, TestLeaf]
    const crlFile = join(temporaryFolder(), 'ca.crl')
    writeOver(crlFile, authority.crl())
    const { port, reloadedAfter } = await startWith({
      cert_file: own.certFile,
      key_file: own.keyFile,
      client_auth: 'verify',
      client_ca_file: authority.certFile,
      crl_file: crlFile,
    })
    const as = ({ cert, key }: TestLeaf) => ({ port, ca: authority.cert, cert, key })
    const open = async (leaf: TestLeaf) => {
      const connection = await openRaw({ port, tls: { ...as(leaf), servername: 'localhost' } })
      connection.send(wireCall())
      expect(await connection.answer()).toMatchObject({ status: 200 })
      return connection
    }
    const [kept, cut] = [await open(good), await open(bad)]
    const before = { good: await tryCall(as(good)), bad: await tryCall(as(bad)) }
    expect(before).toMatchObject({ good: { isAnswered: true }, bad: { isAnswered: true } })
    // Resumption is there to be abused: without a reload, it succeeds.
    expect(await tryCall({ ...as(bad), session: before.bad.session })).toMatchObject({
      isAnswered: true,
      isResumed: true,
    })

    authority.revoke(bad)
    await reloadedAfter(() => writeOver(crlFile, authority.crl()))
    await cut.closed
    kept.send(wireCall())
    expect(await kept.answer()).toMatchObject({ status: 200 })
    expect(await tryCall(as(bad))).toMatchObject({ isAnswered: false })
    const session = before.bad.session
    expect(await tryCall({ ...as(bad), session })).toMatchObject({
      isAnswered: false,
      isResumed: false,
    })
    expect(await tryCall(as(good))).toMatchObject({ isAnswered: true })
  })
})

describe('new authorities for clients', () => {
  it('end the connections of those whom nobody vouches for any more, and no others', async () => {
    const [first, second] = [testAuthority('First CA'), testAuthority('Second CA')]
    const own = first.issue()
    const leaves = [first, second].map((it) => it.issue({ purpose: 'clientAuth' })) as [
      TestLeaf,
      TestLeaf,
    ]
    const caFile = join(temporaryFolder(), 'clients.crt')
    writeFileSync(caFile, first.cert + second.cert)
    const { port, reloadedAfter } = await startWith({
      cert_file: own.certFile,
      key_file: own.keyFile,
      client_auth: 'verify',
      client_ca_file: caFile,
    })
    const tls = { ca: first.cert, servername: 'localhost' }
    const [cut, kept] = await Promise.all(
      leaves.map(({ cert, key }) => openRaw({ port, tls: { ...tls, cert, key } })),
    )
    kept?.send(wireCall())
    expect(await kept?.answer()).toMatchObject({ status: 200 })
    await reloadedAfter(() => writeOver(caFile, second.certFile))
    await cut?.closed
    kept?.send(wireCall())
    expect(await kept?.answer()).toMatchObject({ status: 200 })
  })
})

describe('a certificate with other names', () => {
  it('makes those names of the gateway, and leaves open connections theirs', async () => {
    const authority = testAuthority()
    const names = (host: string) => ({ subjectAltName: `DNS:${host},DNS:localhost` })
    const folder = temporaryFolder()
    const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
    const put = ({ certFile: cert, keyFile: key }: TestLeaf): void => {
      writeOver(keyFile, key)
      writeOver(certFile, cert)
    }
    put(authority.issue(names('one.example')))
    const { port, reloadedAfter } = await startWith({ cert_file: certFile, key_file: keyFile })
    const tls = { ca: authority.cert, servername: 'localhost' }
    const open = await openRaw({ port, tls })
    const statusFor = async (host: string): Promise<number | undefined> => {
      open.send(wireCall(host))
      return (await open.answer())?.status
    }
    expect(await statusFor('one.example')).toBe(200)
    expect(await statusFor('two.example')).toBe(403)
    await reloadedAfter(() => put(authority.issue(names('two.example'))))
    expect(await statusFor('two.example')).toBe(200)
    expect(await statusFor('one.example')).toBe(200)
  })
})
