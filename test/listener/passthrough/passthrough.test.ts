import { once } from 'node:events'
import { type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { testAuthority } from '../../support/pki.ts'
import { until } from '../../support/servers.ts'
import { captureHello } from './hellos.ts'
import {
  HELLO,
  logTo,
  openTcp,
  openTls,
  received,
  startBehind,
  startPassthrough,
  startTcp,
  type Line,
} from './start-passthrough.ts'

describe('a connection that is passed on', () => {
  it('is encrypted from end to end: both see the certificate of the other side', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ commonName: 'behind', subjectAltName: 'DNS:a.example' })
    const client = authority.issue({ commonName: 'agent-7', purpose: 'clientAuth' })
    const behind = await startBehind({ leaf, clientCa: authority.cert })
    const { port, connections } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const socket = await openTls(port, {
      servername: 'a.example',
      ca: authority.cert,
      cert: client.cert,
      key: client.key,
    })
    expect(socket.getPeerCertificate().subject.CN).toBe('behind')
    expect(socket.authorized).toBe(true)
    expect(await received(socket, (text) => text.includes('\n'))).toBe('hello agent-7\n')
    expect(await connections()).toBe(1)
    socket.destroy()
    await until(async () => (await connections()) === 0, 'the connection to be forgotten')
  })

  it('fails its handshake without the client certificate that the server wants', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ subjectAltName: 'DNS:a.example' })
    const behind = await startBehind({ leaf, clientCa: authority.cert })
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const options = { servername: 'a.example', ca: authority.cert, maxVersion: 'TLSv1.2' } as const
    await expect(openTls(port, options)).rejects.toThrow(/handshake failure|certificate/)
  })

  it('goes where its name says: exact before wildcard before any', async () => {
    const authority = testAuthority()
    const names = ['exact', 'wildcard', 'any']
    const ports = await Promise.all(
      names.map(async (commonName) => {
        const leaf = authority.issue({ commonName, subjectAltName: 'DNS:x.example' })
        return (await startBehind({ leaf })).port
      }),
    )
    const [exact = 0, wildcard = 0, any = 0] = ports
    const { port } = await startPassthrough({
      targets: [
        { serverNames: ['*'], port: any },
        { serverNames: ['*.b.example'], port: wildcard },
        { serverNames: ['x.b.example', 'a.example'], port: exact },
      ],
    })
    const whoIs = async (servername: string): Promise<string> => {
      const socket = await openTls(port, { servername, rejectUnauthorized: false })
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return String(CN)
    }
    expect(await whoIs('a.example')).toBe('exact')
    expect(await whoIs('X.B.Example')).toBe('exact')
    expect(await whoIs('y.b.example')).toBe('wildcard')
    expect(await whoIs('y.x.b.example')).toBe('any')
    expect(await whoIs('b.example')).toBe('any')
    expect(await whoIs('')).toBe('any')
  })

  it('is passed on when its hello comes in packets of one byte', async () => {
    const bytes: Buffer[] = []
    const behind = await startTcp((socket) => socket.on('data', (chunk) => bytes.push(chunk)))
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const hello = await captureHello('openssl', 'a.example')
    const socket = await openTcp(port)
    socket.setNoDelay(true)
    for (const byte of hello.subarray(0, 200)) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.write(hello.subarray(200))
    await until(() => Buffer.concat(bytes).length >= hello.length, 'the hello to arrive')
    expect(Buffer.concat(bytes)).toEqual(hello)
  })

  it('carries megabytes both ways, whole', async () => {
    const authority = testAuthority()
    const leaf = authority.issue({ subjectAltName: 'DNS:a.example' })
    const behind = await startBehind({ leaf, onConnection: (socket) => void socket.pipe(socket) })
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const socket = await openTls(port, { servername: 'a.example', ca: authority.cert })
    const sent = Buffer.alloc(8_000_000, 'sallyport ')
    const back: Buffer[] = []
    socket.on('data', (chunk: Buffer) => back.push(chunk))
    socket.end(sent)
    await once(socket, 'end')
    expect(Buffer.concat(back).equals(sent)).toBe(true)
  })

  it('holds back a side whose other side does not read', async () => {
    let isFull = false
    let written = 0
    const behind = await startTcp((socket) => {
      const flood = (): void => {
        while (written < 200_000_000 && socket.write(Buffer.alloc(65_536))) written += 65_536
        isFull = true
      }
      socket.on('drain', flood)
      socket.once('data', flood)
    })
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const socket = await openTcp(port)
    socket.pause()
    socket.write(HELLO)
    await until(() => isFull, 'the server to be held back')
    let before = -1
    while (before !== written) {
      before = written
      await delay(100)
    }
    expect(written).toBeLessThan(50_000_000)
    socket.resume()
    await until(() => written > before, 'the server to go on')
  })

  it('may be closed on one side while the other still sends', async () => {
    const behind = await startTcp((socket) => {
      socket.on('data', () => {})
      socket.once('end', () => socket.end('all of it came'))
    })
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const socket = await openTcp(port)
    const answer = received(socket)
    socket.end(HELLO)
    expect(await answer).toBe('all of it came')
  })

  it.each(['client', 'server'])('breaks on both sides when the %s resets it', async (side) => {
    const accepted: Socket[] = []
    const behind = await startTcp((socket) => accepted.push(socket.resume()))
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const client = await openTcp(port)
    client.resume().write(HELLO)
    await until(() => accepted.length === 1, 'the connection to be passed on')
    const [server] = accepted as [Socket]
    const [breaking, other] = side === 'client' ? [client, server] : [server, client]
    const failed = once(other, 'error')
    breaking.resetAndDestroy()
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
  })

  it('ends after the idle time of its target, and no sooner while bytes flow', async () => {
    const behind = await startTcp((socket) => void socket.pipe(socket))
    const { port, cuts } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port, idleTimeoutMs: 300 }],
    })
    const socket = await openTcp(port)
    const closed = once(socket, 'close')
    socket.resume().write(HELLO)
    for (let count = 0; count < 6; count += 1) {
      await delay(100)
      socket.write('x')
    }
    expect(await cuts('idle')).toBe(0)
    const quietFromMs = performance.now()
    socket.once('end', () => socket.end())
    await closed
    expect(performance.now() - quietFromMs).toBeGreaterThan(250)
    expect(await cuts('idle')).toBe(1)
  })

  it('is named in the log with who, what and where to', async () => {
    const lines: Line[] = []
    const behind = await startTcp((socket) => socket.end())
    const { port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
      hasAccessLog: true,
      log: logTo(lines),
    })
    const socket = await openTcp(port)
    socket.resume().end(HELLO)
    await until(() => lines.length > 0, 'the line')
    expect(lines).toEqual([
      [
        'info',
        {
          remote: '127.0.0.1',
          serverName: 'a.example',
          endpoint: `127.0.0.1:${behind.port}`,
          durationMs: expect.any(Number),
        },
        'connection passed on',
      ],
    ])
  })
})

describe('the drain', () => {
  it('closes what has not begun, and leaves what is passed on until the deadline', async () => {
    const behind = await startTcp((socket) => void socket.pipe(socket))
    const { listener, port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: behind.port }],
    })
    const [waiting, talking] = [await openTcp(port), await openTcp(port)]
    waiting.once('end', () => waiting.end())
    const waitingClosed = once(waiting.resume(), 'close')
    const echoed = received(talking, (text) => text.endsWith('still there'))
    talking.write(HELLO)
    await once(talking, 'data')
    const stopped = listener.stop(400)
    await waitingClosed
    talking.write('still there')
    await echoed
    const startedMs = performance.now()
    const talkingClosed = once(talking, 'close')
    talking.once('end', () => talking.end())
    await stopped
    expect(performance.now() - startedMs).toBeGreaterThan(200)
    await talkingClosed
  })

  it('is over at once when nothing is open', async () => {
    const { listener, port } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: 9 }],
    })
    const startedMs = performance.now()
    await listener.stop(60_000)
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    await expect(openTcp(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
