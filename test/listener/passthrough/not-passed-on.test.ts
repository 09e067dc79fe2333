import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { OwnConnections } from '../../../src/listener/index.ts'
import { deadPort, until } from '../../support/servers.ts'
import { extension, madeHello, serverNames } from './hellos.ts'
import {
  alert,
  HELLO,
  logTo,
  openTcp,
  openTls,
  received,
  startDeaf,
  startPassthrough,
  type Line,
} from './start-passthrough.ts'

describe('a connection that is not passed on', () => {
  const refused = async (
    hello: Buffer,
    targets: Parameters<typeof startPassthrough>[0]['targets'] = [
      { serverNames: ['a.example', '*.b.example'], port: 9 },
    ],
  ) => {
    const { port, cuts } = await startPassthrough({ targets })
    const socket = await openTcp(port)
    const answer = received(socket)
    socket.write(hello)
    return { answer: await answer, cuts }
  }

  it('gets unrecognized_name for a name that no target has', async () => {
    const { answer, cuts } = await refused(madeHello(serverNames('c.example')))
    expect(answer).toBe(alert(112))
    expect(await cuts('unknown_name')).toBe(1)
  })

  it('shows as that to a TLS client', async () => {
    const { port } = await startPassthrough({ targets: [{ serverNames: ['a.example'], port: 9 }] })
    await expect(openTls(port, { servername: 'c.example' })).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
    })
  })

  it('gets missing_extension when it has no name', async () => {
    const { answer, cuts } = await refused(madeHello(extension(43, Buffer.from('020304', 'hex'))))
    expect(answer).toBe(alert(109))
    expect(await cuts('unknown_name')).toBe(1)
  })

  it('gets decode_error or illegal_parameter for a hello that is none', async () => {
    const { answer, cuts } = await refused(Buffer.from('1603010005010000010000', 'hex'))
    expect(answer).toBe(alert(50))
    expect(await cuts('handshake_failed')).toBe(1)
    const two = madeHello(serverNames('a.example'), serverNames('a.example'))
    expect((await refused(two)).answer).toBe(alert(47))
  })

  it('gets nothing when it does not speak TLS', async () => {
    const { answer, cuts } = await refused(Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'))
    expect(answer).toBe('')
    expect(await cuts('handshake_failed')).toBe(1)
  })

  it('gets internal_error when its target cannot be reached, which is logged once', async () => {
    const lines: Line[] = []
    const port = await deadPort()
    const passthrough = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port }],
      log: logTo(lines),
    })
    for (let count = 0; count < 3; count += 1) {
      const socket = await openTcp(passthrough.port)
      const answer = received(socket)
      socket.write(HELLO)
      expect(await answer).toBe(alert(80))
    }
    expect(await passthrough.cuts('unreachable')).toBe(3)
    expect(lines.filter(([level]) => level === 'warn')).toEqual([
      [
        'warn',
        { error: expect.objectContaining({ code: 'ECONNREFUSED' }) },
        `no connection to 127.0.0.1:${port}`,
      ],
    ])
  })

  it('gets internal_error when its target does not answer in time', async () => {
    const { port, cuts } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: await startDeaf(), connectTimeoutMs: 200 }],
    })
    const socket = await openTcp(port)
    const answer = received(socket)
    const startedMs = performance.now()
    socket.write(HELLO)
    expect(await answer).toBe(alert(80))
    expect(performance.now() - startedMs).toBeGreaterThan(150)
    expect(await cuts('unreachable')).toBe(1)
  })

  it('is cut when its hello is not there in time, byte by byte or not at all', async () => {
    const { port, cuts } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: 9 }],
      limits: { handshakeTimeoutMs: 300 },
    })
    const [silent, slow] = [await openTcp(port), await openTcp(port)]
    const closed = Promise.all([once(silent.resume(), 'close'), once(slow.resume(), 'close')])
    const dribble = setInterval(() => slow.write(HELLO.subarray(0, 1)), 50)
    silent.once('end', () => silent.end())
    slow.once('end', () => slow.end())
    slow.write(HELLO.subarray(0, 20))
    await closed
    clearInterval(dribble)
    expect(await cuts('handshake_timeout')).toBe(2)
  })

  it('is no event when a load balancer only looks whether the port is open', async () => {
    const { port, cuts, connections } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: 9 }],
    })
    const socket = await openTcp(port)
    await until(async () => (await connections()) === 1, 'the connection')
    socket.resume().end()
    await until(async () => (await connections()) === 0, 'its end')
    expect(await cuts('handshake_failed')).toBe(0)
  })

  it('is reset when there are too many', async () => {
    const { port, cuts } = await startPassthrough({
      targets: [{ serverNames: ['a.example'], port: 9 }],
      limits: { maxConnections: 1 },
    })
    const first = await openTcp(port)
    const second = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    await new Promise((resolve) => second.resume().once('close', resolve))
    expect(await cuts('max_connections')).toBe(1)
    expect(first.destroyed).toBe(false)
  })

  it('is one that comes back to the gateway, over one listener or several', async () => {
    const ownConnections = new OwnConnections()
    const targets = [{ serverNames: ['a.example'], port: await deadPort() }]
    const second = await startPassthrough({ ownConnections, targets })
    const first = await startPassthrough({
      ownConnections,
      targets: [{ serverNames: ['a.example'], port: second.port }],
    })
    const socket = await openTcp(first.port)
    const answer = received(socket)
    socket.write(HELLO)
    expect(await answer).toBe(alert(80))
    expect(await second.cuts('loop')).toBe(1)
    expect(await first.cuts('loop')).toBe(0)
  })
})
