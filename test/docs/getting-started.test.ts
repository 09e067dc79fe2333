// The page for newcomers, taken at its word: its commands run as they stand, in a copy of the project, in their order.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../demo/free-port.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startDemoProcess } from '../demo/demo-process.ts'
import { until } from '../support/servers.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/guide/getting-started.md'), 'utf8')

function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

/** As after `git clone` and the installation of the packages. */
async function cloneProject(): Promise<string> {
  const folder = temporaryFolder()
  for (const entry of ['src', 'demo', 'scripts', 'package.json']) {
    cpSync(join(ROOT, entry), join(folder, entry), { recursive: true })
  }
  for (const entry of ['tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(ROOT, entry), join(folder, entry))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** The Node of the project, and no package from elsewhere. */
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
  npm_config_offline: 'true',
  npm_config_loglevel: 'error',
}

const REPLICA = /"text":"(demo-[12]), process \d+"/

describe.skipIf(!hasTool('curl'))('docs/guide/getting-started.md', () => {
  it('says what happens, command by command', { timeout: 90_000 }, async () => {
    const folder = await cloneProject()
    const blocks = [...fenced('sh')]
    expect(blocks.shift()).toBe('npm start\n')
    const demo = await startDemoProcess({ root: folder, by: 'npm' })
    // The page says that the ports may be others.
    const { host } = new URL(demo.url)
    const other = String(await freePort(0))
    const asHere = (text: string) =>
      text.replaceAll('127.0.0.1:8443', host).replaceAll('8444', other)
    const sh = (text: string) =>
      run('bash', ['--norc', '-euc', `cd "$1"\n${asHere(text)}`, 'bash', folder], env)
    const next = async (begin: string): Promise<string> => {
      const block = blocks.shift() ?? ''
      expect(block.slice(0, begin.length)).toBe(begin)
      const { exitCode, output } = await sh(block)
      expect({ block, output, exitCode }).toMatchObject({ exitCode: 0 })
      return output
    }

    const [whoami = ''] = blocks
    const first = REPLICA.exec(await next('curl -sS --cacert .sallyport/demo/ca.crt'))?.[1]
    const second = REPLICA.exec((await sh(whoami)).output)?.[1]
    expect(new Set([first, second])).toEqual(new Set(['demo-1', 'demo-2']))
    const refused = await sh(whoami.replace('Mcp-Name: whoami', 'Mcp-Name: echo'))
    expect(refused.output).toContain('GW_HEADER_MISMATCH')

    const answers = (await next('mcp() {')).match(new RegExp(REPLICA, 'g')) ?? []
    expect(answers).toHaveLength(3)
    expect(new Set(answers).size).toBe(1)

    const health = await next('curl -sS --cacert .sallyport/demo/ca.crt')
    expect(JSON.parse(health)).toMatchObject({ status: 'ok', service: 'sallyport' })

    const [script = ''] = fenced('js')
    writeFileSync(join(folder, 'client.mjs'), script)
    const tools = (await next('NODE_EXTRA_CA_CERTS=')).split('\n')
    expect(tools[0]).toBe('echo add whoami count_down')
    expect(tools[1]).toMatch(/^echo .*get-sum/)

    expect(await next('cp .sallyport/demo/sallyport.yaml')).toBe('')
    expect(await next('npm run build')).toMatch(/^my-gateway\.yaml: valid$/m)

    const serving = serve(asHere(blocks.shift() ?? ''), folder)
    await until(() => serving.output().includes(`listening on https://127.0.0.1:${other}`), 'serve')
    const elsewhere = await sh(whoami.replace('127.0.0.1:8443', '127.0.0.1:8444'))
    expect(elsewhere.output).toMatch(REPLICA)
    serving.interrupt()
    await serving.ended

    const connected = await next('npx sallyport check --connect')
    expect(connected.match(/: reachable$/gm)).toHaveLength(3)
    expect(blocks).toEqual([])

    writeFileSync(join(folder, 'my-gateway.yaml'), asHere(fenced('yaml')[0] ?? ''))
    expect((await sh('npx sallyport check -c my-gateway.yaml')).output).toBe(
      'my-gateway.yaml: valid\n',
    )
    const snippet = /^\s*(\{"mcpServers".*)$/m.exec(demo.output())?.[1] ?? ''
    expect(JSON.parse(asHere(fenced('json')[0] ?? ''))).toEqual(JSON.parse(snippet))
  })

  it('names no file that is not there', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/g)) {
      expect(() => readFileSync(join(ROOT, 'docs/guide', target)), target).not.toThrow()
    }
  })
})

/** The one command that stays until Ctrl-C. */
function serve(block: string, cwd: string) {
  expect(block).toMatch(/^SALLYPORT__LISTENERS__0__LISTEN=\S+ npx sallyport serve /)
  const child = spawn('bash', ['-c', block], { cwd, env, detached: true })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  }
  const signal = (name: NodeJS.Signals) => () => {
    const isOver = child.exitCode !== null || child.signalCode !== null
    if (!isOver && child.pid !== undefined) process.kill(-child.pid, name)
  }
  onTestFinished(signal('SIGKILL'))
  return { output: () => text, interrupt: signal('SIGINT'), ended: once(child, 'close') }
}
