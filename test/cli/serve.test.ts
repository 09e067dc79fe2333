import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makePair } from '../config/config-file.ts'
import { configFor, folderWith, runCli, startCli } from './run-cli.ts'

const NOWHERE = 'http://127.0.0.1:1/mcp'

/** An endpoint that takes a call and answers when it is let. */
async function startSlowEndpoint() {
  const called = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    request.resume()
    called.resolve()
    response.setHeader('content-type', 'application/json')
    void answered.promise.then(() => response.end('{"jsonrpc":"2.0","id":1,"result":{}}'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    answered.resolve()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/mcp`, called: called.promise, answer: answered.resolve }
}

/** A call of the legacy era that the endpoint may take its time for. */
function call(url: string): Promise<Response> {
  return fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  })
}

async function startServing(url: string, rest = '') {
  const running = startCli(['serve'], {
    cwd: folderWith({ 'sallyport.yaml': configFor(url, rest) }),
  })
  const [, address = ''] = await running.line(/^listening on (\S+)$/m)
  return { ...running, address }
}

describe('sallyport serve', () => {
  it('logs at the level of --log-level, whatever the file says', async () => {
    const folder = folderWith({ 'sallyport.yaml': configFor(NOWHERE, 'log: {level: error}\n') })
    const running = startCli(['serve', '--log-level', 'info'], { cwd: folder })
    await running.line(/^listening on (\S+)$/m)
    running.child.kill('SIGTERM')
    expect((await running.ended).stderr).toContain('"msg":"listening"')
    const wrong = await runCli(['serve', '--log-level', 'loud'], { cwd: folder })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('Allowed choices are debug, info, warn, error')
  })

  it('prints one line per address, and serves there', async () => {
    const rest = 'admin: {listen: "127.0.0.1:0"}\n'
    const { address, child, ended, line } = await startServing(NOWHERE, rest)
    const [, admin] = await line(/^admin on (\S+)$/m)
    expect((await fetch(`${address}/healthz`)).status).toBe(200)
    expect((await fetch(`${admin}/metrics`)).status).toBe(200)
    child.kill('SIGTERM')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(stdout).toBe(`listening on ${address}\nadmin on ${admin}\n`)
  })

  it('serves TLS with the files of the configuration', async () => {
    const cwd = folderWith({})
    makePair(cwd, 'a')
    const text = configFor(NOWHERE).replace('0"}', '0", tls: {cert_file: a.crt, key_file: a.key}}')
    writeFileSync(join(cwd, 'sallyport.yaml'), text)
    const { child, ended, line } = startCli(['serve'], { cwd })
    await line(/^listening on https:\/\/127\.0\.0\.1:\d+$/m)
    child.kill('SIGINT')
    expect((await ended).code).toBe(0)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'lets calls under way finish at the first %s',
    async (signal) => {
      const endpoint = await startSlowEndpoint()
      const { address, child, ended, line } = await startServing(endpoint.url)
      const answer = call(address)
      await endpoint.called
      child.kill(signal)
      await line(new RegExp(`^sallyport: ${signal}: finishing calls under way`, 'm'))
      endpoint.answer()
      expect(await (await answer).text()).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
      expect(await ended).toMatchObject({ code: 0, signal: null })
    },
  )

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('stops at once at a second signal: %s exits with %i', async (signal, code) => {
    const endpoint = await startSlowEndpoint()
    const { address, child, ended, line } = await startServing(endpoint.url)
    const answer = call(address).then(
      ({ status }) => status,
      () => 'cut',
    )
    await endpoint.called
    child.kill('SIGTERM')
    await line(/finishing calls under way/)
    child.kill(signal)
    expect(await ended).toMatchObject({ code, signal: null })
    expect(await answer).not.toBe(200)
  })

  it('ends by itself when the drain timeout is over', async () => {
    const endpoint = await startSlowEndpoint()
    const { address, child, ended } = await startServing(endpoint.url, 'drain_timeout: 100ms\n')
    const answer = call(address).catch(() => undefined)
    await endpoint.called
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, signal: null })
    await answer
  })

  it('goes on when nobody reads what it prints', async () => {
    const endpoint = await startSlowEndpoint()
    const { child, address, ended } = await startServing(endpoint.url)
    const answer = call(address)
    await endpoint.called
    child.stdout.destroy()
    child.stderr.destroy()
    child.kill('SIGTERM')
    // What it says about the signal has nowhere to go, and the call goes on all the same.
    await until(
      async () => (await fetch(`${address}/readyz`).catch(() => undefined))?.status !== 200,
    )
    endpoint.answer()
    expect((await answer).status).toBe(200)
    expect(await ended).toMatchObject({ code: 0, signal: null })
  })
})

describe('sallyport serve that cannot start', () => {
  it('tells the faults of the configuration and exits with 78', async () => {
    const cwd = folderWith({ 'sallyport.yaml': `${configFor(NOWHERE)}log: 1\n` })
    const { code, stdout, stderr } = await runCli(['serve'], { cwd })
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toMatch(
      /^sallyport\.yaml:5:6: log: expected a map, got a number .*\n.* has a fault\n$/,
    )
  })

  it('says which address is taken and exits with 78', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const text = configFor(NOWHERE).replace('127.0.0.1:0', `127.0.0.1:${port}`)
    const { code, stdout, stderr } = await runCli(['serve'], {
      cwd: folderWith({ 'sallyport.yaml': text }),
    })
    expect([code, stdout]).toEqual([78, ''])
    expect(peopleLines(stderr)).toEqual([
      `sallyport: listeners[0].listen: 127.0.0.1:${port}: EADDRINUSE: the port is taken; stop the program that has it, or choose another port`,
    ])
  })

  it('says which address is not of this machine, with the cause when asked', async () => {
    const text = configFor(NOWHERE).replace('"127.0.0.1:0"', '"192.0.2.1:1", allowed_hosts: [a]')
    const cwd = folderWith({ 'sallyport.yaml': `${text}insecure_allow_public: true\n` })
    const { code, stderr } = await runCli(['serve', '--verbose'], { cwd })
    expect(code).toBe(78)
    expect(peopleLines(stderr).slice(1)).toEqual([
      'sallyport: listeners[0].listen: 192.0.2.1:1: EADDRNOTAVAIL: not an address of this machine; correct the host',
      expect.stringMatching(/^ {2}caused by: Error: .*EADDRNOTAVAIL/),
    ])
  })

  it('says when the state folder cannot be made', async () => {
    const cwd = folderWith({ 'sallyport.yaml': configFor(NOWHERE), state: 'a file' })
    const { code, stderr } = await runCli(['serve'], { cwd })
    expect(code).toBe(78)
    expect(peopleLines(stderr)).toEqual([
      expect.stringMatching(
        /^sallyport: state_dir: .*\/state.*: E\w+: a part of the path is a file; set state_dir to another folder$/,
      ),
    ])
  })
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error('not so within 10 s')
  }
}

/** Without the log, which is JSON. */
function peopleLines(stderr: string): readonly string[] {
  return stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
}
