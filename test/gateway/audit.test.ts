// What a running gateway writes into its audit file, and when.
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/index.ts'
import { auditEventNames, silentLog } from '../../src/observability/index.ts'
import { loadValid } from '../config/config-file.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { deadPort, until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startFromConfig } from './start-from-config.ts'

type Event = Record<string, unknown> & { readonly event: string }

const eventsIn = (file: string): readonly Event[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event)

const SERVERS = `servers: {one: {endpoints: [{url: "http://127.0.0.1:1/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
audit: {file: audit.jsonl}
`
const PLAIN = `listeners: [{listen: "127.0.0.1:0"}]\n${SERVERS}`

/** A gateway with a file for its audit, and what is in it. */
async function startAudited(text: string, folder = temporaryFolder()) {
  const started = await startFromConfig(text, folder)
  const file = join(folder, 'audit.jsonl')
  const ofName = (name: string): readonly Event[] =>
    eventsIn(file).filter(({ event }) => event === name)
  return { ...started, file, ofName, events: () => eventsIn(file) }
}

/** A listener with a pair that the test may replace; `rest` are more keys of its TLS. */
function listenerWith(folder: string, { certFile, keyFile }: TestLeaf, rest = ''): string {
  copyFileSync(certFile, join(folder, 'tls.crt'))
  copyFileSync(keyFile, join(folder, 'tls.key'))
  const tls = `{cert_file: tls.crt, key_file: tls.key${rest}}`
  return `listeners: [{listen: "127.0.0.1:0", tls: ${tls}}]\n${SERVERS}`
}

describe('start and stop', () => {
  it('are the first and the last event of a run, one run after the other', async () => {
    const folder = temporaryFolder()
    for (let run = 0; run < 2; run++) {
      const { gateway } = await startAudited(PLAIN, folder)
      // As a second signal does.
      await Promise.all([gateway.stop(), gateway.stopNow()])
    }
    const file = join(folder, 'audit.jsonl')
    const names = eventsIn(file).map(({ event }) => event)
    const run = ['gateway_started', 'gateway_stopped']
    expect(names).toEqual([...run, ...run])
  })

  it('tell when, which process, and where it listens', async () => {
    const before = Date.now()
    const { gateway, events, ports } = await startAudited(PLAIN)
    await gateway.stop()
    const [started, stopped] = events()
    expect(started).toEqual({
      time: expect.any(String) as string,
      event: 'gateway_started',
      pid: process.pid,
      addresses: [`http://127.0.0.1:${ports[0]}`],
      unsafe: [],
    })
    expect(stopped).toMatchObject({ event: 'gateway_stopped', pid: process.pid })
    const [first, last] = [
      Date.parse(String(started?.['time'])),
      Date.parse(String(stopped?.['time'])),
    ]
    expect(before <= first && first <= last && last <= Date.now()).toBe(true)
  })

  it('are not told of a gateway that never ran', async () => {
    const folder = temporaryFolder()
    const text = PLAIN.replace('127.0.0.1:0', `127.0.0.1:${await deadPort()}`)
    const { gateway } = await startAudited(text.replace('audit.jsonl', 'other.jsonl'), folder)
    await expect(startFromConfig(text, folder)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await gateway.stop()
    expect(eventsIn(join(folder, 'audit.jsonl'))).toEqual([])
  })

  it('need the file: without it the gateway does not start, and nothing listens', async () => {
    const folder = temporaryFolder()
    const port = await deadPort()
    const text = PLAIN.replace('127.0.0.1:0', `127.0.0.1:${port}`)
    const { options } = loadValid(text.replace('audit.jsonl', 'none/audit.jsonl'), {}, folder)
    const started = startGateway(options, { log: silentLog })
    await expect(started).rejects.toMatchObject({
      code: 'AUDIT_FILE',
      message: expect.stringContaining(join(folder, 'none/audit.jsonl')) as string,
    })
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed')
  })

  it('leave no file where no audit is configured', async () => {
    const folder = temporaryFolder()
    const { gateway } = await startFromConfig(PLAIN.replace(/audit:.*\n/, ''), folder)
    await gateway.stop()
    expect(existsSync(join(folder, 'audit.jsonl'))).toBe(false)
  })
})

describe('unsafe settings', () => {
  it('are told with the start, each with its part, option and problem', async () => {
    const folder = temporaryFolder()
    const leaf = testAuthority().issue()
    writeFileSync(join(folder, 'other.key'), leaf.key, { mode: 0o644 })
    copyFileSync(leaf.certFile, join(folder, 'other.crt'))
    const tls = `{cert_file: other.crt, key_file: other.key, insecure_allow_readable_keys: true, min_version: "1.1"}`
    const { ofName } = await startAudited(
      `listeners: [{listen: "127.0.0.1:0", tls: ${tls}}]
insecure_allow_public: true
servers:
  one: {allow_cleartext: true, endpoints: [{url: "http://192.0.2.1:1/mcp"}]}
  two: {tls: {insecure_skip_verify: true}, endpoints: [{url: "https://127.0.0.1:1/mcp"}]}
routes: [{path: /mcp, servers: [one]}]
audit: {file: audit.jsonl}
`,
      folder,
    )
    await until(() => ofName('gateway_started').length === 1, 'the event')
    const [started] = ofName('gateway_started')
    const listener = 'listener 127.0.0.1:0'
    const problem = expect.stringMatching(/^\w+: ./) as string
    expect(started?.['unsafe']).toEqual([
      { source: 'gateway', option: 'insecure_allow_public', problem },
      { source: listener, option: 'min_version', problem },
      { source: listener, option: 'insecure_allow_readable_keys', problem },
      { source: 'server one', option: 'allow_cleartext', problem },
      { source: 'server two', option: 'insecure_skip_verify', problem },
    ])
    expect(ofName('insecure_skip_verify')).toMatchObject([{ server: 'two', problem }])
  })

  it('have an event of their own for every server that is not verified, at every start', async () => {
    const folder = temporaryFolder()
    const skipping =
      '{tls: {insecure_skip_verify: true}, endpoints: [{url: "https://127.0.0.1:1/a"}, {url: "https://127.0.0.1:1/b"}]}'
    const text = PLAIN.replace(
      /servers: \{.*\}\n/,
      `servers: {one: ${skipping}, two: ${skipping}, three: {endpoints: [{url: "https://127.0.0.1:1/c"}]}}\n`,
    )
    for (let run = 1; run <= 2; run++) {
      const { gateway, ofName } = await startAudited(text, folder)
      await gateway.stop()
      const servers = ofName('insecure_skip_verify').map(({ server }) => server)
      expect(servers).toEqual(Array.from({ length: run }, () => ['one', 'two']).flat())
    }
  })
})

describe('TLS material', () => {
  it('that is replaced is told with its files and what is in use now', async () => {
    const folder = temporaryFolder()
    const authority = testAuthority()
    const text = listenerWith(folder, authority.issue())
    const { gateway, ofName } = await startAudited(text, folder)
    const next = authority.issue({ commonName: 'next.example' })
    copyFileSync(next.keyFile, join(folder, 'tls.key'))
    copyFileSync(next.certFile, join(folder, 'tls.crt'))
    await gateway.reload()
    await until(() => ofName('tls_material_replaced').length > 0, 'the event')
    const [replaced] = ofName('tls_material_replaced')
    expect(replaced).toMatchObject({
      source: 'listener 127.0.0.1:0',
      files: expect.arrayContaining([join(folder, 'tls.crt'), join(folder, 'tls.key')]) as string[],
      material: [
        {
          role: 'server',
          where: join(folder, 'tls.crt'),
          subject: expect.stringContaining('next.example') as string,
          notAfter: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        },
      ],
    })
  })

  it('that is refused is told with the problem, and no content', async () => {
    const folder = temporaryFolder()
    const { ofName, file } = await startAudited(
      listenerWith(folder, testAuthority().issue()),
      folder,
    )
    writeFileSync(join(folder, 'tls.key'), 's3cret, and no key')
    await until(() => ofName('tls_material_refused').length > 0, 'the event')
    const [refused] = ofName('tls_material_refused')
    expect(refused).toMatchObject({
      source: 'listener 127.0.0.1:0',
      problem: expect.stringContaining(join(folder, 'tls.key')) as string,
    })
    expect(readFileSync(file, 'utf8')).not.toContain('s3cret')
  })

  it('of servers is told the same way', async () => {
    const folder = temporaryFolder()
    const [first, second] = [testAuthority('First CA'), testAuthority('Second CA')]
    copyFileSync(first.certFile, join(folder, 'ca.crt'))
    const text = PLAIN.replace(
      /servers: \{.*\}\n/,
      'servers: {one: {tls: {ca_cert: ca.crt}, endpoints: [{url: "https://127.0.0.1:1/mcp"}]}}\n',
    )
    const { ofName } = await startAudited(text, folder)
    copyFileSync(second.certFile, join(folder, 'ca.crt'))
    await until(() => ofName('tls_material_replaced').length > 0, 'the event')
    expect(ofName('tls_material_replaced')).toMatchObject([
      {
        source: 'server one',
        material: [{ role: 'ca', subject: expect.stringContaining('Second CA') as string }],
      },
    ])
  })
})

interface Showing {
  readonly port: number
  readonly ca: string
  readonly leaf?: Pick<TestLeaf, 'cert' | 'key'>
  readonly servername?: string
}

/** A client that comes, shows what it has, and stays until it is let go. */
function show({ port, ca, leaf, servername = 'localhost' }: Showing): Promise<void> {
  return new Promise((resolve) => {
    const pair = leaf && { cert: leaf.cert, key: leaf.key }
    const socket = connect({ host: '127.0.0.1', port, ca, servername, ...pair })
    socket.on('error', () => {})
    socket.once('close', () => resolve())
    socket.resume()
  })
}

describe('clients', () => {
  const setUp = async (rest = '') => {
    const folder = temporaryFolder()
    const [servers, clients] = [testAuthority('Servers'), testAuthority('Clients')]
    copyFileSync(clients.certFile, join(folder, 'clients.crt'))
    const keys = `, client_auth: verify, client_ca_file: clients.crt${rest}`
    const text = listenerWith(folder, servers.issue(), keys)
    const audited = await startAudited(text, folder)
    const refused = (): readonly Event[] => audited.ofName('client_certificate_refused')
    return { ...audited, folder, clients, port: audited.ports[0] ?? 0, ca: servers.cert, refused }
  }

  it('that are refused for their certificate are told once per cause and certificate', async () => {
    const { port, ca, refused, gateway } = await setUp()
    const stranger = testAuthority('Strangers')
    const [eve, mallory] = [
      stranger.issue({
        commonName: 'eve',
        purpose: 'clientAuth',
        subjectAltName: 'URI:spiffe://evil.example/eve',
      }),
      stranger.issue({ commonName: 'mallory', purpose: 'clientAuth' }),
    ]
    for (const leaf of [eve, eve, mallory]) await show({ port, ca, leaf })
    await gateway.stop()
    expect(refused()).toMatchObject([
      {
        listener: '127.0.0.1:0',
        remote: '127.0.0.1',
        cause: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        reason: expect.stringContaining('not in client_ca_file') as string,
        certificate: {
          subject: 'CN=eve',
          issuer: 'CN=Strangers',
          serialNumber: expect.any(String) as string,
          fingerprint256: expect.stringMatching(/^[\da-f]{64}$/) as string,
          spiffeId: 'spiffe://evil.example/eve',
        },
      },
      // The second visit of the first one.
      { untold: 1, certificate: { subject: 'CN=mallory' } },
    ])
  })

  it('that show none, or ask for no name, are told without a certificate', async () => {
    const { port, ca, refused, gateway } = await setUp()
    const eve = testAuthority().issue({ purpose: 'clientAuth' })
    await show({ port, ca })
    await show({ port, ca, leaf: eve, servername: '' })
    await gateway.stop()
    const causes = refused().map(({ cause, certificate }) => ({ cause, certificate }))
    expect(causes).toEqual([
      {
        cause: expect.stringContaining('PEER_DID_NOT_RETURN_A_CERTIFICATE') as string,
        certificate: undefined,
      },
      { cause: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', certificate: undefined },
    ])
  })

  it('that are let in, or fail for another reason, are not told', async () => {
    const { port, ca, clients, refused, gateway } = await setUp(', min_version: "1.3"')
    const ada = clients.issue({ purpose: 'clientAuth' })
    const inside = show({ port, ca, leaf: ada })
    await show({ port, ca: testAuthority().cert, leaf: ada })
    await fetch(`http://127.0.0.1:${port}/`).catch(() => {})
    await gateway.stopNow()
    await inside
    expect(refused()).toEqual([])
  })

  it('whose connection is closed as they are revoked are told, with who they are', async () => {
    const authority = testAuthority('Clients')
    const folder = temporaryFolder()
    const servers = testAuthority('Servers')
    copyFileSync(authority.certFile, join(folder, 'clients.crt'))
    copyFileSync(authority.crl(), join(folder, 'clients.crl'))
    const keys = ', client_auth: verify, client_ca_file: clients.crt, crl_file: clients.crl'
    const text = listenerWith(folder, servers.issue(), keys)
    const { ports, ofName, gateway } = await startAudited(text, folder)
    const ada = authority.issue({ commonName: 'ada', purpose: 'clientAuth' })
    const target = { port: ports[0] ?? 0, ca: servers.cert }
    const ended = show({ ...target, leaf: ada })
    // Handshakes are taken in their order: once this one is through, the other is.
    await new Promise<void>((resolve) => {
      const pair = { cert: ada.cert, key: ada.key }
      const socket = connect({ host: '127.0.0.1', servername: 'localhost', ...target, ...pair })
      socket.on('error', () => {})
      socket.once('data', () => resolve(void socket.destroy()))
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    })
    authority.revoke(ada)
    copyFileSync(authority.crl(), join(folder, 'clients.crl'))
    await gateway.reload()
    await ended
    await gateway.stop()
    expect(ofName('client_certificate_refused')).toMatchObject([
      { cause: 'NOT_TRUSTED_NOW', certificate: { subject: 'CN=ada' } },
    ])
  })
})

it('goes on in a new file after a rotation and a reload', async () => {
  const { gateway, file, events } = await startAudited(PLAIN)
  await until(() => events().length === 1, 'the start')
  renameSync(file, `${file}.1`)
  await gateway.reload()
  await gateway.stop()
  expect(eventsIn(`${file}.1`).map(({ event }) => event)).toEqual(['gateway_started'])
  expect(events().map(({ event }) => event)).toEqual(['gateway_stopped'])
})

it('is opened anew on SIGHUP and whole after SIGTERM, in a process of its own', async () => {
  const file = join(temporaryFolder(), 'audit.jsonl')
  const gateway = await startGatewayProcess({
    listeners: [{ listen: '127.0.0.1:0' }],
    servers: { one: { endpoints: [{ url: 'http://127.0.0.1:1/mcp' }] } },
    routes: [{ path: '/mcp', servers: ['one'] }],
    audit: { file },
  })
  await until(() => eventsIn(file).length === 1, 'the start')
  renameSync(file, `${file}.1`)
  gateway.child.kill('SIGHUP')
  await until(() => existsSync(file), 'the new file')
  gateway.child.kill('SIGTERM')
  const [exitCode] = (await once(gateway.child, 'exit')) as [number | null]
  expect(exitCode).toBe(0)
  const { pid } = gateway
  expect(eventsIn(`${file}.1`)).toMatchObject([{ event: 'gateway_started', pid }])
  expect(eventsIn(file)).toMatchObject([{ event: 'gateway_stopped', pid }])
})

describe('docs/guide/audit.md', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guide/audit.md'), 'utf8')

  it('has every event, and no other', () => {
    const named = [...guide.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name)
    expect(new Set(named)).toEqual(new Set(auditEventNames))
  })

  it('begins with a configuration that is valid', () => {
    const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(guide) ?? []
    expect(loadValid(text).options.audit).toEqual({ file: '/var/log/sallyport/audit.jsonl' })
  })
})
