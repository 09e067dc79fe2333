// The page about plugins, taken at its word: its plugin server runs with its configuration and the certificates that its commands
// make, and what it names is there.
import { spawn } from 'node:child_process'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../demo/free-port.ts'
import { HOOK_NAMES, PLUGIN_MODES } from '../../src/plugins/options.ts'
import { BIN, startCli } from '../cli/run-cli.ts'
import { startEverythingServer } from '../fixtures/everything-server/server.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { run } from '../support/programs.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/guide/plugins.md'), 'utf8')

function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

describe('docs/guide/plugins.md', () => {
  it('has a plugin server that does what it says', { timeout: 60_000 }, async () => {
    const [config = ''] = fenced('yaml')
    const [plugin = ''] = fenced('js')
    const [commands = ''] = fenced('sh')
    const server = await startEverythingServer()
    onTestFinished(() => server.close())
    const port = String(await freePort(0))
    const folder = temporaryFolder()
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'plugin.mjs'), plugin.replace('8000', port))
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `${config.replace('8000', port).replace('127.0.0.1:8080', '127.0.0.1:0').replace('http://127.0.0.1:5051/mcp', server.url)}state_dir: state\n`,
    )
    const [certs, node, serve] = commands.split('\n')
    expect([certs, node, serve]).toEqual([
      'sallyport certs all',
      'node plugin.mjs &',
      'sallyport serve',
    ])
    const made = await run('bash', [
      '-euc',
      `cd "$1"\n"$2" "$3" certs all`,
      'bash',
      folder,
      process.execPath,
      BIN,
    ])
    expect(made).toMatchObject({ exitCode: 0 })
    const child = spawn(process.execPath, ['plugin.mjs'], { cwd: folder, stdio: 'inherit' })
    onTestFinished(() => void child.kill('SIGKILL'))
    const check = () =>
      run('bash', [
        '-euc',
        `cd "$1"\n"$2" "$3" check --connect`,
        'bash',
        folder,
        process.execPath,
        BIN,
      ])
    await until(
      async () => /plugins\.\S+ https\S+: reachable/.test((await check()).output),
      'the plugin',
      20_000,
    )

    const [, url = ''] = await startCli(['serve'], { cwd: folder }).line(/^listening on (\S+)$/m)
    const echo = async (text: string): Promise<string> => {
      const call = modernRequest('tools/call', { name: 'echo', arguments: { text } })
      return (await fetch(`${url}/mcp`, call)).text()
    }
    expect(await echo('what a crap')).toContain('"text":"what a crud"')
    const refused = await echo('damn')
    expect(refused).toContain('mind your words (BAD_WORD)')
    expect(refused).toContain('GW_PLUGIN_DENIED')
  })

  it('names every hook, every mode, and files that are there', () => {
    const rows = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name)
    const names = rows.filter((name) => name !== 'mode')
    expect(names.toSorted()).toEqual([...HOOK_NAMES, ...PLUGIN_MODES].toSorted())
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/g)) {
      expect(() => readFileSync(join(ROOT, 'docs/guide', target)), target).not.toThrow()
    }
  })
})
