// The whole demo as a newcomer meets it. Everything it prints is taken at its word.
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/servers.ts'
import { connectLegacy, connectModern } from './clients.ts'
import {
  type DemoProcess,
  leftOf,
  spawnDemo,
  startDemoProcess,
  startSharedDemo,
} from './demo-process.ts'

const REPLICA = /^demo-[12], process \d+$/

/** With a child for the stdio server too, so that there is something to leave behind. */
async function startBusyDemo(by: 'npm' | 'node' = 'node'): Promise<DemoProcess> {
  const demo = await startDemoProcess({ by })
  const client = await connectLegacy(`${demo.url}/everything`, demo.caFile)
  await client.callText('echo', { message: 'x' })
  // The demo, two replicas, and the stdio server; npm and perhaps its shell.
  expect(demo.family().length).toBeGreaterThanOrEqual(by === 'npm' ? 5 : 4)
  return demo
}

function isClosed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true))
    socket.on('connect', () => socket.destroy())
  })
}

/** For the tests that only look at it and call it. */
let shared: DemoProcess

beforeAll(async () => {
  shared = await startSharedDemo()
  return shared.kill
})

describe('what the demo prints', () => {
  it.skipIf(!hasTool('curl'))(
    'is a curl line that works as printed, on every replica',
    async () => {
      const { curlLine } = shared
      const answers = new Set<string>()
      for (let call = 0; call < 2; call += 1) {
        const { exitCode, output } = await run('bash', ['-c', curlLine])
        expect({ exitCode, output }).toMatchObject({ exitCode: 0 })
        const text = JSON.parse(output).result.content[0].text
        expect(text).toMatch(REPLICA)
        answers.add(text)
      }
      expect(answers.size).toBe(2)
    },
  )

  it('is a snippet for clients with the addresses of both routes', async () => {
    const { output, url } = shared
    const snippet = /^\s*(\{"mcpServers".*)$/m.exec(output())?.[1] ?? ''
    expect(JSON.parse(snippet)).toEqual({
      mcpServers: {
        demo: { type: 'http', url: `${url}/demo` },
        everything: { type: 'http', url: `${url}/everything` },
      },
    })
  })

  it('is how a client on Node comes to trust it', async () => {
    const { output, url } = shared
    const setting = /^\s*NODE_EXTRA_CA_CERTS=(.*)$/m.exec(output())?.[1]
    const script = `console.log((await fetch('${url.replace('127.0.0.1', 'localhost')}/healthz')).status)`
    const args = ['--input-type=module', '-e', script]
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: setting }
    expect(await run(process.execPath, args, env)).toEqual({ exitCode: 0, output: '200\n' })
    expect((await run(process.execPath, args)).exitCode).toBe(1)
  })

  it('is nothing else', async () => {
    const { output } = shared
    const lines = output()
      .split('\n')
      .filter((line) => line !== '')
    expect(lines).toHaveLength(11)
  })
})

describe('through HTTPS', () => {
  it('a client of the modern era reaches both replicas call by call', async () => {
    const { url, caFile } = shared
    const client = await connectModern(`${url}/demo`, caFile)
    expect(client.getProtocolEra()).toBe('modern')
    expect(await client.toolNames()).toEqual(['echo', 'add', 'whoami', 'count_down'])
    expect(await client.callText('add', { a: 20, b: 22 })).toBe('42')
    const answers = []
    for (let call = 0; call < 4; call += 1) answers.push(await client.callText('whoami'))
    expect(answers).toEqual(answers.map(() => expect.stringMatching(REPLICA)))
    expect(new Set(answers).size).toBe(2)
  })

  it('a client of the legacy era stays with the replica of its session, and the next goes to the other', async () => {
    const { url, caFile } = shared
    const replicas = []
    for (let session = 0; session < 2; session += 1) {
      const client = await connectLegacy(`${url}/demo`, caFile)
      expect(await client.toolNames()).toEqual(['echo', 'add', 'whoami', 'count_down'])
      const answers = new Set<string>()
      for (let call = 0; call < 4; call += 1) answers.add(await client.callText('whoami'))
      expect(answers.size).toBe(1)
      replicas.push(...answers)
    }
    expect(replicas).toEqual(replicas.map(() => expect.stringMatching(REPLICA)))
    expect(new Set(replicas).size).toBe(2)
  })

  it.each([
    ['legacy', connectLegacy],
    ['modern', connectModern],
  ])('a client of the %s era calls the stdio server', async (_, connectClient) => {
    const { url, caFile } = shared
    const client = await connectClient(`${url}/everything`, caFile)
    expect(await client.toolNames()).toContain('get-sum')
    expect(await client.callText('echo', { message: 'across' })).toBe('Echo: across')
  })

  it('hears the progress of a countdown while it runs', async () => {
    const { url, caFile } = shared
    const client = await connectModern(`${url}/demo`, caFile)
    const order: string[] = []
    await client.callTool(
      { name: 'count_down', arguments: { from: 2, step_ms: 50 } },
      { onprogress: ({ progress }) => order.push(`progress ${progress}`) },
    )
    order.push('answer')
    expect(order).toEqual(['progress 1', 'progress 2', 'answer'])
  })

  it('goes on with one replica when the other is killed', async () => {
    const { url, caFile, output } = await startDemoProcess()
    const client = await connectModern(`${url}/demo`, caFile)
    const [name = '', pid = ''] = (await client.callText('whoami')).split(', process ')
    process.kill(Number(pid), 'SIGKILL')
    await until(() => output().includes(`${name} (process ${pid}) ended`), 'the demo to tell it')
    const answers = new Set<string>()
    for (let call = 0; call < 4; call += 1) answers.add(await client.callText('whoami'))
    expect([...answers]).toEqual([expect.not.stringContaining(name)])
  })
})

describe('the end of the demo', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'is silent and leaves nothing at %s to all of its processes',
    async (signal) => {
      const demo = await startBusyDemo()
      const family = demo.family()
      const printed = demo.output()
      demo.signalGroup(signal)
      expect(await demo.ended).toBe(0)
      expect(await leftOf(family)).toEqual([])
      expect(demo.output()).toBe(printed)
    },
  )

  it('leaves nothing at SIGTERM to itself alone', async () => {
    const demo = await startBusyDemo()
    const family = demo.family()
    process.kill(demo.pid, 'SIGTERM')
    expect(await demo.ended).toBe(0)
    expect(await leftOf(family)).toEqual([])
  })

  it('leaves nothing when it is killed', async () => {
    const demo = await startBusyDemo()
    const family = demo.family()
    process.kill(demo.pid, 'SIGKILL')
    expect(await demo.ended).toBe('SIGKILL')
    expect(await leftOf(family)).toEqual([])
  })

  it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing when npm gets %s', async (signal) => {
    const demo = await startBusyDemo('npm')
    const family = demo.family()
    process.kill(demo.pid, signal)
    await demo.ended
    expect(await leftOf(family)).toEqual([])
  })

  it('leaves nothing at Ctrl-C below npm, which has nothing to add', async () => {
    const demo = await startBusyDemo('npm')
    const family = demo.family()
    const printed = demo.output()
    demo.signalGroup('SIGINT')
    await demo.ended
    expect(await leftOf(family)).toEqual([])
    expect(demo.output()).toBe(printed)
  })

  it.each([0, 60, 120, 180, 300])(
    'is silent and leaves nothing at Ctrl-C about %d ms after its replicas appear',
    async (delayMs) => {
      const demo = spawnDemo()
      onTestFinished(demo.kill)
      await until(() => demo.family().length > 1, 'a replica to be started')
      const deadline = performance.now() + delayMs
      await until(() => performance.now() >= deadline, 'the moment to come')
      const family = demo.family()
      demo.signalGroup('SIGINT')
      expect(await demo.ended).toBe(0)
      expect(await leftOf(family)).toEqual([])
      expect(demo.output()).toMatch(/^(?:Sallyport is up[\s\S]*)?$/)
    },
  )

  it('waits for the calls under way, unless it is asked once more', async () => {
    const demo = await startDemoProcess()
    const client = await connectModern(`${demo.url}/demo`, demo.caFile)
    let isCounting = false
    const call = client.callTool(
      { name: 'count_down', arguments: { from: 100, step_ms: 100 } },
      { onprogress: () => (isCounting = true) },
    )
    void call.catch(() => {})
    await until(() => isCounting, 'the call to be under way')
    const family = demo.family()
    demo.signalGroup('SIGINT')
    const { port } = new URL(demo.url)
    await until(() => isClosed(Number(port)), 'the listener to close')
    expect(demo.child.exitCode).toBeNull()
    expect(demo.family()).toEqual(family)
    demo.signalGroup('SIGINT')
    expect(await demo.ended).toBe(130)
    expect(await leftOf(family)).toEqual([])
  })
})

describe('the state folder', () => {
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

  it('is for its owner alone, and so are the keys in it', async () => {
    const { stateDir } = await startDemoProcess()
    expect(modeOf(stateDir)).toBe('700')
    expect(readdirSync(stateDir).toSorted()).toEqual([
      'ca.crt',
      'ca.key',
      'sallyport.yaml',
      'server.crt',
      'server.key',
      'session.key',
    ])
    for (const name of ['ca.key', 'server.key', 'session.key']) {
      expect(`${name} ${modeOf(join(stateDir, name))}`).toBe(`${name} 600`)
    }
  })

  it('keeps the authority for the next time, so that clients go on trusting it', async () => {
    const first = await startDemoProcess()
    const { stateDir } = first
    const before = readFileSync(first.caFile, 'utf8')
    first.signalGroup('SIGINT')
    await first.ended
    const second = await startDemoProcess({ stateDir })
    expect(readFileSync(second.caFile, 'utf8')).toBe(before)
    const client = await connectModern(`${second.url}/demo`, second.caFile)
    expect(await client.callText('echo', { text: 'again' })).toBe('again')
  })

  it('may have any name', async () => {
    const stateDir = join(temporaryFolder(), 'it\'s ${HOME}: #1 & "co"')
    const { curlLine } = await startDemoProcess({ stateDir })
    if (!hasTool('curl')) return
    expect(await run('bash', ['-c', curlLine])).toMatchObject({ exitCode: 0 })
  })
})

describe('the port', () => {
  async function takePort(): Promise<number> {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    return (other.address() as AddressInfo).port
  }

  it('is another one when the usual one is taken, here and in the configuration', async () => {
    const taken = await takePort()
    const { url, configFile } = await startDemoProcess({ port: taken })
    const { port } = new URL(url)
    expect(port).not.toBe(String(taken))
    expect(readFileSync(configFile, 'utf8')).toContain(`listen: "127.0.0.1:${port}"\n`)
  })

  it('is not changed by an override that is meant for another gateway', async () => {
    const env = { SALLYPORT__LISTENERS__0__LISTEN: '127.0.0.1:1', SALLYPORT__ROUTES: '[]' }
    const { url, configFile } = await startDemoProcess({ env })
    expect(readFileSync(configFile, 'utf8')).toContain(`listen: "${new URL(url).host}"\n`)
  })

  it.each(['70000', '80.5'])('is refused when it is %s, with the usage', async (port) => {
    const { exitCode, output } = await run(process.execPath, ['demo/start.ts', `--port=${port}`])
    expect(exitCode).toBe(2)
    expect(output).toMatch(/--port: expected 0 to 65535, got .*\nusage: npm start -- /)
  })
})
