import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makePair } from '../config/config-file.ts'
import { configFor, folderWith, runCli } from './run-cli.ts'

const VALID = configFor('http://127.0.0.1:1/mcp')

async function listen(server: ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('sallyport check', () => {
  it('says that a configuration is valid, and exits with 0', async () => {
    const cwd = folderWith({ 'sallyport.yaml': VALID })
    expect(await runCli(['check'], { cwd })).toMatchObject({
      code: 0,
      stdout: 'sallyport.yaml: valid\n',
      stderr: '',
    })
  })

  it('tells every fault, one line each, and exits with 78', async () => {
    const cwd = folderWith({ 'a.yaml': `${VALID}limits: {max_headers: 1}\nlog: {levl: info}\n` })
    expect(await runCli(['check', '-c', 'a.yaml'], { cwd })).toEqual({
      code: 78,
      signal: null,
      stdout: '',
      stderr: [
        'a.yaml:5:23: limits.max_headers: expected an integer from 8 to 2000, got 1; write a number in that range',
        'a.yaml:6:7: log.levl: expected a key that exists here, got the unknown key "levl"; did you mean "level"?',
        'sallyport: a.yaml has 2 faults',
        '',
      ].join('\n'),
    })
  })

  it('says which file is not there', async () => {
    const cwd = folderWith({})
    const { code, stderr } = await runCli(['check'], { cwd })
    expect(code).toBe(78)
    expect(stderr).toContain(
      `sallyport.yaml: expected a configuration file, got no file at ${cwd}/sallyport.yaml`,
    )
  })

  it('tells warnings without failing', async () => {
    const text = `${VALID.replace('"127.0.0.1:0"', '":0", allowed_hosts: [a.example]')}insecure_allow_public: true\n`
    const { code, stderr } = await runCli(['check'], {
      cwd: folderWith({ 'sallyport.yaml': text }),
    })
    expect(code).toBe(0)
    expect(stderr.split('\n')).toEqual([
      'warning: sallyport.yaml:1:14: listeners[0].listen: ":0" listens on all interfaces of this machine',
      'warning: sallyport.yaml:5:1: insecure_allow_public: nothing authenticates callers: whoever reaches a listener can call every server',
      '',
    ])
  })

  it('reads the environment of the process', async () => {
    const cwd = folderWith({ 'sallyport.yaml': `${VALID}log: {level: "\${LEVEL}"}\n` })
    expect((await runCli(['check'], { cwd })).code).toBe(78)
    expect((await runCli(['check'], { cwd, env: { LEVEL: 'warn' } })).code).toBe(0)
    const env = { LEVEL: 'warn', SALLYPORT__LOG__LEVEL: 'loud' }
    expect((await runCli(['check'], { cwd, env })).stderr).toContain(
      'environment variable SALLYPORT__LOG__LEVEL: log.level: expected one of',
    )
  })
})

describe('sallyport check --connect', () => {
  it('exits with 0 when every endpoint can be reached', async () => {
    const port = await listen(createTcpServer((socket) => socket.resume().on('error', () => {})))
    const cwd = folderWith({ 'sallyport.yaml': configFor(`http://127.0.0.1:${port}/mcp`) })
    expect(await runCli(['check', '--connect'], { cwd })).toMatchObject({
      code: 0,
      stdout: `sallyport.yaml: valid\nservers.one: http://127.0.0.1:${port}/mcp: reachable\n`,
    })
  })

  it('exits with 69 when one cannot, and says why when asked', async () => {
    const cwd = folderWith({ 'sallyport.yaml': VALID })
    const brief = await runCli(['check', '--connect'], { cwd })
    expect(brief.code).toBe(69)
    expect(brief.stderr).toMatch(
      /^sallyport: servers\.one: http:\/\/127\.0\.0\.1:1\/mcp: .*\(GW_UPSTREAM_UNREACHABLE\); start the server, or correct its address\n$/,
    )
    const verbose = await runCli(['check', '--connect', '--verbose'], { cwd })
    expect(verbose.stderr).toMatch(/\n {2}caused by: Error: .*ECONNREFUSED/)
  })

  it('exits with 77 when TLS to it fails', async () => {
    const cwd = folderWith({})
    makePair(cwd, 'a')
    const [key, cert] = ['a.key', 'a.crt'].map((name) => readFileSync(join(cwd, name)))
    const server = createTlsServer({ key, cert }).on('tlsClientError', () => {})
    const port = await listen(server)
    const text = configFor(`https://localhost:${port}/mcp`)
    const { code, stderr } = await runCli(['check', '--connect'], {
      cwd: folderWith({ 'sallyport.yaml': text }),
    })
    expect(stderr).toContain('(GW_UPSTREAM_TLS)')
    expect(code).toBe(77)
  })

  it('exits with 69 when a command cannot be started', async () => {
    const text = configFor('http://x').replace('{url: "http://x"}', '{command: ./nothing-here}')
    const cwd = folderWith({ 'sallyport.yaml': text })
    const { code, stderr } = await runCli(['check', '--connect'], { cwd })
    expect(stderr).toContain('sallyport: servers.one: nothing-here: ')
    expect(code).toBe(69)
  })
})
