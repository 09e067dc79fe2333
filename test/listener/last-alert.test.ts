// What a client is told when the listener gives up on its handshake, and how long it may stay to hear it.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { LINGER_MS, MAX_DISCARD_BYTES } from '../../src/listener/surroundings.ts'
import { manualClock } from '../support/manual-clock.ts'
import { testAuthority, type TestAuthority } from '../support/pki.ts'
import { sharedFolder } from '../support/shared-folder.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { startListener } from './start-listener.ts'
import { openTls } from './tls-client.ts'

const folder = sharedFolder()
const PLAIN_HTTP = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const CHUNK = Buffer.alloc(16_384)

let authority: TestAuthority

beforeAll(() => {
  authority = testAuthority('last-alert', folder)
})

async function startVerifying() {
  const clock = manualClock(Date.now())
  const tls = serverTlsOptions(authority.issue(), {
    clientAuth: 'verify',
    clientCaFile: authority.certFile,
  })
  return { clock, ...(await startListener({ tls, clock, ca: Buffer.from(authority.cert) })) }
}

/** Fails its handshake by not speaking TLS, and stays when the listener has ended its side. */
async function failHandshake(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(PLAIN_HTTP)
  socket.resume()
  await once(socket, 'end')
  return socket
}

describe('a client that the listener gives up on', () => {
  it('is told that a certificate was required, though it has sent requests by then', async () => {
    const { port, ca } = await startVerifying()
    for (let round = 0; round < 20; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one at a time, as they come
      const socket = await openTls({ port, ca, version: '1.3', http2: true })
      const send = (): void => {
        if (socket.destroyed) return
        socket.write(CHUNK.subarray(0, 1_024))
        setImmediate(send)
      }
      send()
      // oxlint-disable-next-line no-await-in-loop
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      expect(error.code).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
    }
  })

  it('loses the connection after a while, whatever it does', async () => {
    const { port, clock, count } = await startVerifying()
    const socket = await failHandshake(port)
    expect(await count('connections')).toBe(1)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    clock.advance(2 * LINGER_MS)
    await expect.poll(() => count('connections')).toBe(0)
    socket.end('more')
    await closed
  })

  it('loses the connection when it goes on sending', async () => {
    const { port, count } = await startVerifying()
    const socket = await failHandshake(port)
    expect(await count('connections')).toBe(1)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const send = (error?: Error | null): void => {
      if (!error && !socket.destroyed) socket.write(CHUNK, send)
    }
    send()
    await closed
    expect(socket.bytesWritten).toBeGreaterThan(MAX_DISCARD_BYTES)
    await expect.poll(() => count('connections')).toBe(0)
  })

  it('takes its place no longer than until it has closed', async () => {
    const { port, count } = await startVerifying()
    const socket = await failHandshake(port)
    socket.end()
    await expect.poll(() => count('connections')).toBe(0)
  })
})
