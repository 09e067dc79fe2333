import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { createClientTls, DEFAULT_CLIENT_TLS, type ClientTls } from '../../src/tls/index.ts'
import { testAuthority } from '../support/pki.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { get, post, record, startUpstream } from './recorded-call.ts'
import { startTlsServer } from './tls-server.ts'

const tlsOf = (caFile: string): ClientTls =>
  createClientTls(
    { ...DEFAULT_CLIENT_TLS, caFile, systemRoots: false },
    { name: 'server test', clock: systemClock, log: silentLog },
  )

const RELOADS = 30

describe('other TLS material', () => {
  it.each([false, true])('loses no call and no stream, HTTP/2 %s', async (http2) => {
    const authority = testAuthority()
    const [spare, file] = [testAuthority('Spare CA'), join(temporaryFolder(), 'ca.crt')]
    const bundles = [authority.cert, authority.cert + spare.cert]
    writeFileSync(file, bundles[0] ?? '')
    const { cert, key } = authority.issue()
    const server = await startTlsServer({ cert, key, http2 })
    const tls = tlsOf(file)
    const options = { http2, maxConnections: 8, maxPending: 100, maxStreams: 50 }
    const upstream = startUpstream(server.url, options, { tls })
    await upstream.start()
    const streams = Array.from({ length: 5 }, () => record())
    let ended = 0
    for (const stream of streams) {
      upstream.send(get(), stream)
      void stream.over.then(() => ended++)
    }
    const over = new AbortController()
    let calls = 0
    const failures: unknown[] = []
    const callers = Array.from({ length: 6 }, async () => {
      while (!over.signal.aborted) {
        const sink = record()
        upstream.send(post(), sink)
        const error = await sink.over
        calls++
        if (error !== undefined) failures.push(error)
      }
    })
    for (let count = 1; count <= RELOADS; count++) {
      const before = calls
      writeFileSync(file, bundles[count % 2] ?? '')
      expect(tls.reload()).toBe(true)
      await until(() => calls > before + 20, 'calls between two reloads')
    }
    over.abort()
    await Promise.all(callers)
    expect(failures).toEqual([])
    expect(ended).toBe(0)
    for (const stream of streams) expect(stream.text).toContain('hello')
    // What carries nothing any more is closed: the streams' connections and those of the current pool are left.
    await until(
      () => server.sockets.size <= streams.length + options.maxConnections,
      'old ones gone',
    )
  })

  it('holds for connections made from then on, and lets streams be that are open', async () => {
    const [old, next] = [testAuthority('Old CA'), testAuthority('Next CA')]
    const file = join(temporaryFolder(), 'ca.crt')
    copyFileSync(old.certFile, file)
    const { cert, key } = old.issue()
    const server = await startTlsServer({ cert, key })
    const tls = tlsOf(file)
    // Its one connection would be used again, if it were let.
    const upstream = startUpstream(server.url, { maxConnections: 1 }, { tls })
    await upstream.start()
    const stream = record()
    let isStreamOver = false
    void stream.over.then(() => (isStreamOver = true))
    upstream.send(get(), stream)
    await until(() => stream.text.includes('hello'), 'an event')
    const first = record()
    upstream.send(post(), first)
    expect(await first.over).toBeUndefined()

    copyFileSync(next.certFile, file)
    expect(tls.reload()).toBe(true)
    const second = record()
    upstream.send(post(), second)
    expect(await second.over).toMatchObject({ code: 'GW_UPSTREAM_TLS' })
    expect(isStreamOver).toBe(false)
    await expect(upstream.probe(1_000)).rejects.toThrow(/unknown authority/)

    const renewed = next.issue()
    server.server.setSecureContext({ cert: renewed.cert, key: renewed.key })
    const third = record()
    upstream.send(post(), third)
    expect(await third.over).toBeUndefined()
    expect(isStreamOver).toBe(false)
  })

  it('does not keep a stopped upstream', async () => {
    const authority = testAuthority()
    const file = join(temporaryFolder(), 'ca.crt')
    copyFileSync(authority.certFile, file)
    const { cert, key } = authority.issue()
    const server = await startTlsServer({ cert, key })
    const tls = tlsOf(file)
    const upstream = startUpstream(server.url, {}, { tls })
    await upstream.start()
    const stream = record()
    upstream.send(get(), stream)
    await until(() => stream.text.includes('hello'), 'an event')
    writeFileSync(file, authority.cert + testAuthority('Spare CA').cert)
    tls.reload()
    await upstream.stop(0)
    expect(await stream.over).toMatchObject({ code: 'GW_DRAINING' })
    await until(() => server.sockets.size === 0, 'every connection closed')
    const late = record()
    upstream.send(post(), late)
    expect(await late.over).toBeDefined()
  })
})
