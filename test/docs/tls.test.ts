// The page about TLS, taken at its word: its commands run in their order, and every key and file that it names is there.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BIN, type Running, startCli } from '../cli/run-cli.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { fenced, page, ROOT, table } from './tls-page.ts'

const withoutPorts = (config: string): string =>
  `${config.replaceAll(/127\.0\.0\.1:\d{4}"/g, '127.0.0.1:0"')}state_dir: state\n`

describe.skipIf(!hasTool('openssl') || !hasTool('curl'))('docs/guide/tls.md', () => {
  it('says what happens, command by command', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, '.bin'))
    writeFileSync(
      join(folder, '.bin/sallyport'),
      `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`,
      { mode: 0o755 },
    )
    const path = `${join(folder, '.bin')}:${dirname(process.execPath)}:${process.env['PATH']}`
    let port = ''
    const sh = async (block: string): Promise<string> => {
      const text = block.replaceAll('localhost:8443', `localhost:${port}`)
      const env = { PATH: path, HOME: folder }
      const command = ['--norc', '-euc', `cd "$1"\n${text}`, 'bash', folder]
      const { exitCode, output } = await run('bash', command, env)
      expect({ text, output, exitCode }).toMatchObject({ exitCode: 0 })
      return output
    }
    /** A block that ends in `sallyport serve …`, which the test does itself. */
    const serve = async (block: string, config: string): Promise<Running> => {
      const [, before = '', flags = ''] = /^([\s\S]*)sallyport serve(.*)\n$/.exec(block) ?? []
      await sh(before)
      writeFileSync(join(folder, 'sallyport.yaml'), withoutPorts(config))
      const running = startCli(['serve', ...flags.split(' ').filter(Boolean)], { cwd: folder })
      ;[, port = ''] = await running.line(/^listening on https:\/\/\S+:(\d+)$/m)
      return running
    }
    const [listener = '', verify = '', servers = '', ...others] = fenced('yaml')
    const [first = '', look = '', second = '', show = '', pins = '', name = '', ...rest] =
      fenced('sh')
    expect([...others, ...rest]).toEqual([])

    const { child, ended } = await serve(first, listener)
    const looked = await sh(look)
    expect(looked).toContain('"status":')
    expect(looked).toContain('Peer certificate: CN = mcp.example.com')
    expect(looked).toContain('Verification: OK')
    expect(
      (await sh(pins)).match(/^ *Pin of (?:this certificate|its key): sha256:\w{64}$/gm),
    ).toEqual(expect.objectContaining({ length: 4 }))
    expect(await sh(name)).toContain('Verification error: hostname mismatch')
    child.kill('SIGTERM')
    await ended

    const { line } = await serve(second, verify)
    expect(await sh(show)).toContain('"status":')
    const [done] = await line(/^\{.*"msg":"TLS handshake done"\}$/m)
    expect(JSON.parse(done)).toMatchObject({ version: '1.3', resumed: false, peer: 'CN=reporting' })
    expect(JSON.parse(done)).toHaveProperty('suite')
    expect(JSON.parse(done)).toHaveProperty('group')
    expect(JSON.parse(done)).toHaveProperty('alpn')

    writeFileSync(join(folder, 'sallyport.yaml'), servers)
    await sh('sallyport certs gateway\nsallyport check')
  })

  it('names keys, files and anchors that are there', () => {
    const config = readFileSync(join(ROOT, 'docs/reference/config.md'), 'utf8')
    const keys = [...config.matchAll(/^### `(.*)`$/gm)].map(([, key = '']) => key)
    const isKey = (name: string): boolean =>
      keys.some((key) => key === name || key.endsWith(`.${name}`))
    const mine = [
      ...table('key |').map(([cell = '']) => cell),
      ...table('gateways on').flatMap(([, ...cells]) => cells),
      ...table('plugin servers').flatMap(([, ...cells]) => cells),
      ...table('nginx').flatMap(([, ...cells]) => cells),
      page.slice(page.indexOf('Where two words')).split('\n\n')[0] ?? '',
    ].join(' ')
    const named = [...mine.matchAll(/`([^`]+)`/g)]
      .map(([, text = '']) => text.replace(/:.*/, ''))
      .filter(
        (word) => !/^SALLYPORT__|^[012]$|^X25519|^P-|^"|^\d+h|^sha256|^enabled$|^[-_]$/.test(word),
      )
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter((word) => !isKey(word))).toEqual([])
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/g)) {
      expect(() => readFileSync(join(ROOT, 'docs/guide', target)), target).not.toThrow()
    }
    const certificates = readFileSync(join(ROOT, 'docs/guide/certificates.md'), 'utf8')
    for (const [, anchor = ''] of page.matchAll(/certificates\.md#([\w-]+)/g)) {
      expect(certificates.toLowerCase()).toContain(`## ${anchor.replaceAll('-', ' ')}\n`)
    }
  })
})
