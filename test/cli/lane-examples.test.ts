// Examples of routes whose messages are translated or put together, each started as it stands and called by clients of both
// eras; and their guides: every snippet in them is a part of an example, every command is run.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { startSseServer } from '../fixtures/sse-server/sse-server.ts'
import { modernRequest, openSession } from '../support/mcp-messages.ts'
import { hasTool, run } from '../support/programs.ts'
import { runCli } from './run-cli.ts'
import { EXAMPLES, serveExample } from './run-example.ts'

const GUIDES = resolve(import.meta.dirname, '../../docs/guide')
const NAMES = ['several-servers.yaml', 'several-servers-rules.yaml', 'eras.yaml']

const stdioServer = resolve(import.meta.dirname, '../fixtures/everything-stdio/legacy.ts')

function fenced(guide: string, language: string): string[] {
  const page = readFileSync(join(GUIDES, guide), 'utf8')
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

async function start(eras: 'modern' | 'legacy', name: string) {
  const server = await startEverythingServer({ eras, name })
  onTestFinished(() => server.close())
  return server
}

const urlOf = (server: string): string =>
  `SALLYPORT__SERVERS__${server.toUpperCase()}__ENDPOINTS__0__URL`

interface Listed {
  readonly result: { readonly tools: readonly { readonly name: string }[]; readonly _meta?: object }
}

async function toolsAt(url: string): Promise<string[]> {
  const answer = await fetch(url, modernRequest('tools/list'))
  const { result } = (await answer.json()) as Listed
  return result.tools.map(({ name }) => name)
}

const serveSeveral = async () => {
  const weather = await start('modern', 'weather')
  return serveExample('several-servers.yaml', {
    env: {
      [urlOf('weather')]: weather.url,
      SALLYPORT__SERVERS__FILES__ENDPOINTS__0__COMMAND: process.execPath,
      SALLYPORT__SERVERS__FILES__ENDPOINTS__0__ARGS: JSON.stringify([stdioServer]),
    },
  })
}

describe('several-servers.yaml', () => {
  it('shows the tools of both servers, with their names before them', async () => {
    const { url } = await serveSeveral()
    const tools = await toolsAt(`${url}/all`)
    expect(tools).toContain('weather_echo')
    expect(tools).toContain('files_echo')
    expect(tools.every((name) => /^(?:weather|files)_/.test(name))).toBe(true)
  })

  it.skipIf(!hasTool('curl'))('shows them to the command in its guide', async () => {
    const { url } = await serveSeveral()
    const [command = ''] = fenced('several-servers.md', 'sh')
    expect(command).toContain('http://127.0.0.1:8080/all')
    const { exitCode, output } = await run('bash', [
      '-uc',
      command.replace('http://127.0.0.1:8080', url),
    ])
    expect(exitCode).toBe(0)
    const { result } = JSON.parse(output) as Listed
    expect(result.tools.map(({ name }) => name)).toContain('files_echo')
  })
})

describe('several-servers-rules.yaml', () => {
  it('shows the tools that its rules let through, by the names they give', async () => {
    const [weather, files] = [await start('legacy', 'weather'), await start('modern', 'files')]
    const { url } = await serveExample('several-servers-rules.yaml', {
      env: { [urlOf('weather')]: weather.url, [urlOf('files')]: files.url },
    })
    expect(await toolsAt(`${url}/weather`)).toEqual(['repeat'])
    const tools = await toolsAt(`${url}/all`)
    expect(tools).toContain('repeat')
    expect(tools).toContain('echo')
    expect(tools.length).toBeLessThanOrEqual(50)
  })
})

async function serveEras() {
  const [old, oldest, newer] = [
    await start('legacy', 'old'),
    await startSseServer(),
    await start('modern', 'new'),
  ]
  onTestFinished(() => oldest.close())
  return serveExample('eras.yaml', {
    env: { [urlOf('old')]: old.url, [urlOf('oldest')]: oldest.url, [urlOf('new')]: newer.url },
  })
}

describe('eras.yaml', () => {
  it('serves a modern client the old servers, and an old client the new one', async () => {
    const { url } = await serveEras()
    for (const path of ['/old', '/oldest', '/new']) {
      expect(await toolsAt(url + path)).toContain('echo')
      expect(await openSession(url + path)).toMatch(/./)
    }
  })

  it('serves a client over WebSocket where the route allows it', async () => {
    const { url } = await serveEras()
    const client = new Client({ name: 'test', version: '1' })
    const address = new URL(`${url.replace('http', 'ws')}/new`)
    await client.connect(new WebSocketClientTransport(address))
    onTestFinished(() => client.close())
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
  })

  it('is what `sallyport check --connect` in its guide says', async () => {
    const [command] = fenced('eras.md', 'sh')
    expect(command).toBe('sallyport check --connect\n')
    const { folder } = await serveEras()
    const [old, newer] = [await start('legacy', 'old'), await start('modern', 'new')]
    const oldest = await startSseServer()
    onTestFinished(() => oldest.close())
    const { code, stdout } = await runCli(['check', '--connect'], {
      cwd: folder,
      env: { [urlOf('old')]: old.url, [urlOf('oldest')]: oldest.url, [urlOf('new')]: newer.url },
    })
    expect(stdout).toContain('oldest')
    expect(code).toBe(0)
  })
})

/** Whether every member of the part is in the whole, and says the same. */
function isPart(part: unknown, whole: unknown): boolean {
  if (Array.isArray(part)) {
    if (!Array.isArray(whole)) return false
    return part.every((item) => whole.some((other) => isPart(item, other)))
  }
  if (typeof part !== 'object' || part === null) return part === whole
  if (typeof whole !== 'object' || whole === null) return false
  const members = new Map(Object.entries(whole))
  return Object.entries(part).every(([name, value]) => isPart(value, members.get(name)))
}

describe.each(['several-servers.md', 'eras.md'])('the guide %s', (guide) => {
  const documents = NAMES.map(
    (name) => parse(readFileSync(join(EXAMPLES, name), 'utf8')) as unknown,
  )

  it('has no snippet that is not a part of an example', () => {
    const snippets = fenced(guide, 'yaml')
    expect(snippets.length).toBeGreaterThan(1)
    for (const snippet of snippets) {
      expect(
        documents.some((it) => isPart(parse(snippet), it)),
        snippet,
      ).toBe(true)
    }
  })
})
