// The page about certificates, taken at its word: its commands run as they stand, in their order, in one folder.
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BIN } from '../cli/run-cli.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/guide/certificates.md'), 'utf8')

function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

/** A folder in which `sallyport` is the program from the source. */
function prepare() {
  const folder = temporaryFolder()
  const bin = join(folder, '.bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'sallyport'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`)
  chmodSync(join(bin, 'sallyport'), 0o755)
  const env = {
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
  }
  const sh = (text: string) =>
    run('bash', ['--norc', '-euc', `cd "$1"\n${text}`, 'bash', folder], env)
  return { folder, sh }
}

describe.skipIf(!hasTool('openssl'))('docs/guide/certificates.md', () => {
  it('says what happens, command by command', { timeout: 90_000 }, async () => {
    const { folder, sh } = prepare()
    const blocks = [...fenced('sh')]
    const configs = fenced('yaml')
    const next = async (begin: string): Promise<string> => {
      const block = blocks.shift() ?? ''
      expect(block.slice(0, begin.length)).toBe(begin)
      const { exitCode, output } = await sh(block)
      expect({ block, output, exitCode }).toMatchObject({ exitCode: 0 })
      return output
    }
    const listed = (path: string) => readdirSync(join(folder, path)).toSorted()

    await next('sallyport certs all')
    expect(listed('certs/mcp')).toEqual(['ca', 'gateway', 'plugins'])
    expect(listed('certs/mcp/plugins')).toEqual(['example-plugin-a', 'example-plugin-b'])
    expect(listed('certs/mcp/gateway')).toEqual(['ca.crt', 'client.crt', 'client.key'])

    writeFileSync(join(folder, 'sallyport.yaml'), configs[0] ?? '')
    expect(await next('sallyport certs all')).toMatch(/sallyport\.yaml: valid\n$/)
    expect(listed('tls')).toEqual(['front.crt', 'front.key'])

    const made = await next('sallyport certs plugin')
    expect(made).toMatch(
      /DNS:MyPlugin, DNS:mcp-plugin-MyPlugin, DNS:localhost, IP Address:127\.0\.0\.1/,
    )
    expect(made).toMatch(/DNS:mcp\.example\.com, DNS:localhost, DNS:gateway\.internal/)
    expect(made).toMatch(/DNS:reporting, URI:spiffe:\/\/example\.com\/reporting/)

    await next('umask 077')
    expect(readFileSync(join(folder, 'guarded/ca/ca.key'), 'utf8')).toContain('ENCRYPTED')
    expect(listed('guarded/gateway')).toEqual(['ca.crt', 'client.crt', 'client.key', 'client.p12'])

    const looked = await next('openssl verify')
    expect(looked).toMatch(/client\.crt: OK\nCertificate:\n {3}Subject: CN=MyPlugin\n/)
    expect(await next('sallyport certs check')).toMatch(/^Plugin MyPlugin .* ok /m)
    const report = JSON.parse(await next('sallyport certs check -c')) as { ok: boolean }
    expect(report.ok).toBe(true)

    const renewed = await next('sallyport certs renew plugin/MyPlugin gateway')
    expect(renewed.match(/Renewed: /g)).toHaveLength(2)
    expect(renewed).toMatch(/Nothing is near its end\.\n$/)

    await next('sallyport certs gateway --dir certs/next')
    expect(readFileSync(join(folder, 'trusted.crt'), 'utf8').match(/BEGIN/g)).toHaveLength(2)

    expect(await next('sallyport certs client lost-laptop')).toMatch(
      /Revoked: [0-9A-F]+ \(keyCompromise\)/,
    )
    expect(await next('sallyport certs crl')).toMatch(/number 2, 1 revoked/)
    expect(blocks).toEqual([])
  })

  it('shows configurations whose files are where it says', async () => {
    const paths = fenced('yaml').flatMap((text) =>
      [...text.matchAll(/: (certs\/\S+)$/gm)].map(([, path = '']) => path),
    )
    expect(paths).toHaveLength(7)
    const { folder, sh } = prepare()
    await sh('sallyport certs gateway; sallyport certs server mcp.example.com; sallyport certs crl')
    for (const path of paths) expect(() => readFileSync(join(folder, path)), path).not.toThrow()
  })

  it('names no file that is not there, and every reason and command', () => {
    for (const [, target = ''] of page.matchAll(/\]\(([^)#]+)/g)) {
      expect(() => readFileSync(join(ROOT, 'docs/guide', target)), target).not.toThrow()
    }
    for (const word of [
      'keyCompromise',
      'cessationOfOperation',
      'certs inspect',
      'certs crl',
      'certs renew',
    ]) {
      expect(page).toContain(word)
    }
  })
})
