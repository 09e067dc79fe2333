import { X509Certificate } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type ClientTls,
  type ClientTlsOptions,
  createClientTls,
  DEFAULT_CLIENT_TLS,
  type Expiring,
} from '../../src/tls/index.ts'
import { parsePin } from '../../src/tls/pins.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startTlsServer } from '../upstream/tls-server.ts'
import { systemClock } from '../../src/core/index.ts'
import { silentLog } from '../../src/observability/index.ts'

function clientTls(
  options: Partial<ClientTlsOptions>,
  context: Partial<Parameters<typeof createClientTls>[1]> = {},
): ClientTls {
  return createClientTls(
    { ...DEFAULT_CLIENT_TLS, systemRoots: false, ...options },
    { name: 'server test', clock: systemClock, log: silentLog, ...context },
  )
}

/** Connects, gets an answer and closes. Returns whether the session was resumed; rejects with the refusal. */
async function visit(tls: ClientTls, port: number): Promise<boolean> {
  const peer = { host: '127.0.0.1', port }
  const handshake = tls.beginHandshake(peer)
  const socket: TLSSocket = connect({ ...handshake.options, ...peer })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  const isResumed = socket.isSessionReused()
  const refusal = handshake.check(socket)
  if (refusal !== undefined) throw refusal
  const closed = once(socket, 'close')
  socket
    .resume()
    .end('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  await closed
  return isResumed
}

const serves = ({ cert, key }: TestLeaf) => ({ cert, key })

describe('a session with a server', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is resumed in %s', async (version) => {
    const authority = testAuthority()
    const server = await startTlsServer({ ...serves(authority.issue()), maxVersion: version })
    const tls = clientTls({ caFile: authority.certFile })
    const visits = [await visit(tls, server.port), await visit(tls, server.port)]
    expect(visits).toEqual([false, true])
    expect(server.handshakes).toEqual([false, true])
  })

  it('is not resumed after the certificate of the handshake that began it has expired', async () => {
    const authority = testAuthority()
    const server = await startTlsServer(serves(authority.issue({ toDay: 1 })))
    let nowMs = Date.now()
    const clock = { ...systemClock, nowMs: () => nowMs }
    const tls = clientTls({ caFile: authority.certFile }, { clock })
    await visit(tls, server.port)
    nowMs += 2 * 86_400_000
    await expect(visit(tls, server.port)).rejects.toThrow(/has expired/)
  })

  it('is resumed where the certificate that began it is pinned', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const server = await startTlsServer(serves(leaf))
    const { fingerprint256 } = new X509Certificate(leaf.cert)
    const pins = [parsePin(`sha256:${fingerprint256}`)].flatMap((pin) => pin ?? [])
    const tls = clientTls({ caFile: authority.certFile, pins })
    expect([await visit(tls, server.port), await visit(tls, server.port)]).toEqual([false, true])
  })

  it('is held to the pins', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const server = await startTlsServer(serves(leaf))
    const wrong = clientTls({
      caFile: authority.certFile,
      pins: [parsePin(`sha256:${'ab'.repeat(32)}`)].flatMap((pin) => pin ?? []),
    })
    // The second visit would resume what the first one began, if that had been kept.
    for (let count = 0; count < 2; count++) {
      await expect(visit(wrong, server.port)).rejects.toThrow(/none of the pinned ones/)
    }
    expect(server.requests).toEqual([])
  })

  it('is held to the pins that a file has now', async () => {
    const authority = testAuthority()
    const [first, second] = [authority.issue(), authority.issue()]
    const server = await startTlsServer(serves(first))
    const pinsFile = join(temporaryFolder(), 'pins')
    const pinOf = ({ cert }: TestLeaf): string =>
      `sha256:${new X509Certificate(cert).fingerprint256}`
    writeFileSync(pinsFile, `# the one in use\n\n  ${pinOf(first)} # until May\n`)
    const tls = clientTls({ caFile: authority.certFile, pinsFile })
    expect(tls.files).toContain(pinsFile)
    expect([await visit(tls, server.port), await visit(tls, server.port)]).toEqual([false, true])
    writeFileSync(pinsFile, `${pinOf(second)}\n`)
    expect(tls.reload()).toBe(true)
    expect(tls.reload()).toBe(false)
    await expect(visit(tls, server.port)).rejects.toThrow(/none of the pinned ones/)
    server.server.setSecureContext(serves(second))
    expect(await visit(tls, server.port)).toBe(false)
  })

  it.each([
    ['nothing', '\n# sha256:none\n', /expected at least one pin, got .*pins, which holds none/],
    ['what is no pin', `sha256:${'ab'.repeat(32)}\nsha256:ab\n`, /expected a pin in line 2/],
    ['a thumbprint', 'ab'.repeat(20), /expected a pin in line 1: sha256:/],
  ])('is not begun with a file of pins that holds %s', (_, content, problem) => {
    const pinsFile = join(temporaryFolder(), 'pins')
    writeFileSync(pinsFile, content)
    expect(() => clientTls({ systemRoots: true, pinsFile })).toThrow(problem)
  })

  it('does not outlive the trust it was made under', async () => {
    const [old, next] = [testAuthority('Old CA'), testAuthority('Next CA')]
    const caFile = join(temporaryFolder(), 'ca.crt')
    copyFileSync(old.certFile, caFile)
    const server = await startTlsServer(serves(old.issue()))
    const tls = clientTls({ caFile })
    expect([await visit(tls, server.port), await visit(tls, server.port)]).toEqual([false, true])
    copyFileSync(next.certFile, caFile)
    expect(tls.reload()).toBe(true)
    await expect(visit(tls, server.port)).rejects.toThrow(/unable to verify/)
  })
})

describe('a reload', () => {
  it('changes nothing when the files say the same', () => {
    const authority = testAuthority()
    const tls = clientTls({ caFile: authority.certFile })
    let changes = 0
    tls.onChange(() => changes++)
    expect(tls.reload()).toBe(false)
    expect(changes).toBe(0)
  })

  it('keeps what was good when a file is not', async () => {
    const authority = testAuthority()
    const caFile = join(temporaryFolder(), 'ca.crt')
    copyFileSync(authority.certFile, caFile)
    const server = await startTlsServer(serves(authority.issue()))
    const tls = clientTls({ caFile })
    writeFileSync(caFile, 'not a certificate')
    expect(() => tls.reload()).toThrow(
      expect.objectContaining({ code: 'TLS_MATERIAL', message: expect.stringContaining(caFile) }),
    )
    await visit(tls, server.port)
  })

  it('shows another client certificate from then on', async () => {
    const authority = testAuthority()
    const folder = temporaryFolder()
    const [certFile, keyFile] = [join(folder, 'client.crt'), join(folder, 'client.key')]
    const install = (commonName: string): void => {
      const leaf = authority.issue({ commonName, purpose: 'clientAuth' })
      copyFileSync(leaf.certFile, certFile)
      writeFileSync(keyFile, leaf.key, { mode: 0o600 })
    }
    install('first')
    const server = await startTlsServer({
      ...serves(authority.issue()),
      ca: authority.cert,
      requestCert: true,
    })
    const seen: string[] = []
    server.server.on('secureConnection', (socket: TLSSocket) =>
      seen.push(String(socket.getPeerCertificate().subject?.CN)),
    )
    const credential = { kind: 'pem', certFile, keyFile, keyPassword: undefined } as const
    const tls = clientTls({ caFile: authority.certFile, credential })
    await visit(tls, server.port)
    install('second')
    expect(tls.reload()).toBe(true)
    await visit(tls, server.port)
    expect(seen).toEqual(['first', 'second'])
  })
})

describe('the certificates in use', () => {
  it('are listed with their files and ends', () => {
    const authority = testAuthority('Own CA')
    const leaf = authority.issue({ commonName: 'gateway', purpose: 'clientAuth' })
    const { certFile, keyFile } = leaf
    const tls = clientTls({
      caFile: authority.certFile,
      credential: { kind: 'pem', certFile, keyFile, keyPassword: undefined },
    })
    expect(tls.files).toEqual([authority.certFile, certFile, keyFile])
    expect(tls.expiring).toMatchObject([
      { role: 'ca', where: authority.certFile, subject: '"Own CA"' },
      { role: 'client', where: certFile, subject: '"gateway"' },
    ])
  })

  it('include those that servers show, each told once until it changes', async () => {
    const authority = testAuthority()
    const below = authority.intermediate('Issuing CA')
    const leaf = below.issue({ commonName: 'one' })
    const server = await startTlsServer({ cert: leaf.cert + below.cert, key: leaf.key })
    const seen: Expiring[] = []
    const tls = clientTls(
      { caFile: authority.certFile },
      { onPeerCertificate: (certificate) => seen.push(certificate) },
    )
    await visit(tls, server.port)
    await visit(tls, server.port)
    const where = `127.0.0.1:${server.port}`
    expect(seen).toMatchObject([
      { role: 'upstream', where, subject: '"one"' },
      { role: 'upstream', where, subject: '"Issuing CA"' },
    ])
    const next = below.issue({ commonName: 'two' })
    server.server.setSecureContext({ cert: next.cert + below.cert, key: next.key })
    await visit(tls, server.port)
    expect(seen.slice(2)).toMatchObject([{ subject: '"two"' }, { subject: '"Issuing CA"' }])
  })
})
