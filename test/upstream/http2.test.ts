import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DEFAULT_CLIENT_TLS } from '../../src/tls/index.ts'
import { testAuthority } from '../support/pki.ts'
import { until } from '../support/servers.ts'
import { get, post, record, startUpstream } from './recorded-call.ts'
import { startTlsServer } from './tls-server.ts'

function trusted() {
  const authority = testAuthority()
  const { cert, key } = authority.issue()
  const tls = { ...DEFAULT_CLIENT_TLS, caFile: authority.certFile, systemRoots: false }
  return { cert, key, tls }
}

describe('HTTP/2 to an endpoint', () => {
  it('carries many calls and streams on few connections', async () => {
    const { cert, key, tls } = trusted()
    const server = await startTlsServer({ cert, key, http2: true })
    const limits = { maxConnections: 50, maxPending: 50, maxStreams: 50 }
    const upstream = startUpstream(server.url, { tls, http2: true, ...limits })
    const streams = Array.from({ length: 20 }, record)
    for (const stream of streams) upstream.send(get(), stream)
    const calls = Array.from({ length: 50 }, record)
    for (const call of calls) upstream.send(post(), call)
    const ended = await Promise.all(calls.map(({ over }) => over))
    expect(ended.every((error) => error === undefined)).toBe(true)
    await until(() => streams.every(({ text }) => text.includes('hello')), 'every stream')
    expect(new Set(server.requests)).toEqual(new Set(['GET 2.0', 'POST 2.0']))
    expect(server.sockets.size).toBeLessThanOrEqual(4)
  })

  it('is not offered unless it is asked for', async () => {
    const { cert, key, tls } = trusted()
    const server = await startTlsServer({ cert, key, http2: true })
    const sink = record()
    startUpstream(server.url, { tls }).send(post(), sink)
    expect(await sink.over).toBeUndefined()
    expect(server.requests).toEqual(['POST 1.1'])
  })

  it('gives way to HTTP/1.1 where the endpoint has nothing else', async () => {
    const { cert, key, tls } = trusted()
    const server = await startTlsServer({ cert, key })
    const sink = record()
    startUpstream(server.url, { tls, http2: true }).send(post(), sink)
    expect(await sink.over).toBeUndefined()
    expect(server.requests).toEqual(['POST 1.1'])
  })

  it('keeps to the call that is given up, and comes back after the connection was cut', async () => {
    const { cert, key, tls } = trusted()
    const sessions = new Set<ServerHttp2Session>()
    let isSlow = true
    const server = createSecureServer({ cert, key })
    server.on('session', (session) => sessions.add(session))
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      if (isSlow) stream.write(Buffer.alloc(1 << 20))
      else stream.end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const session of sessions) session.destroy()
      server.close()
    })
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const upstream = startUpstream(url, { tls, http2: true, maxConnections: 1, maxPending: 9 })
    const paused = record()
    paused.accepts = false
    const call = upstream.send(post(), paused)
    await until(() => paused.text.length > 0, 'data')
    call.abort()
    isSlow = false
    const second = record()
    upstream.send(post(), second)
    expect(await second.over).toBeUndefined()
    expect(sessions.size).toBe(1)

    isSlow = true
    const cut = record()
    upstream.send(post(), cut)
    await until(() => cut.text.length > 0, 'data')
    for (const session of sessions) session.destroy()
    expect(await cut.over).toMatchObject({ code: 'GW_UPSTREAM_BROKEN' })
    expect(cut.sent).toBe(true)
    isSlow = false
    const last = record()
    upstream.send(post(), last)
    expect(await last.over).toBeUndefined()
    expect(last.text).toBe('{}')
  })
})
