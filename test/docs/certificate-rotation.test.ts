// The page on replacing certificates, taken at its word: its configuration is served and its commands run in their order.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/observability/index.ts'
import { startCli } from '../cli/run-cli.ts'
import { testAuthority, type TestLeaf } from '../support/pki.ts'
import { hasTool, run } from '../support/programs.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/guide/certificate-rotation.md'), 'utf8')

function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

function put(folder: string, { certFile, keyFile }: TestLeaf): void {
  mkdirSync(folder)
  cpSync(certFile, join(folder, 'server.crt'))
  cpSync(keyFile, join(folder, 'server.key'))
}

describe.skipIf(!hasTool('curl'))('docs/guide/certificate-rotation.md', () => {
  it('says what happens, command by command', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder()
    const authority = testAuthority()
    put(join(folder, 'certs'), authority.issue({ toDay: 50 }))
    put(join(folder, 'next'), authority.issue({ toDay: 55 }))
    const config = (fenced('yaml')[0] ?? '').replaceAll(
      /127\.0\.0\.1:(?:8443|9443)/g,
      '127.0.0.1:0',
    )
    writeFileSync(join(folder, 'sallyport.yaml'), `${config}state_dir: state\n`)
    const { child, line } = startCli(['serve'], { cwd: folder })
    const [, host = ''] = await line(/^listening on https:\/\/(\S+)$/m)
    const [, admin = ''] = await line(/^admin on http:\/\/(\S+)$/m)
    const sh = async (block: string): Promise<string> => {
      const text = block
        .replaceAll('127.0.0.1:8443', host)
        .replaceAll('127.0.0.1:9443', admin)
        .replaceAll('$pid', String(child.pid))
      const { exitCode, output } = await run('bash', ['-euc', `cd "$1"\n${text}`, 'bash', folder])
      expect({ text, output, exitCode }).toMatchObject({ exitCode: 0 })
      return output
    }

    const [replace = '', ask = '', hangUp = '', look = '', ...rest] = fenced('sh')
    expect(rest).toEqual([])
    const before = await sh(ask)
    expect(before).toMatch(/^serial=\w+\nnotAfter=/)
    await sh(replace)
    await until(async () => (await sh(ask)) !== before, 'the new certificate')

    await sh(hangUp)
    await line(/reading certificates, keys and authorities anew/)
    expect(child.exitCode).toBeNull()

    const inOrder = await sh(look)
    expect(inOrder).toContain('{"status":"ready"}')
    expect(inOrder).toContain('sallyport_tls_last_reload_successful{source="listener')
    expect(inOrder).toContain('sallyport_certificate_expiry_timestamp_seconds{role="server"')
    writeFileSync(join(folder, 'certs/server.key'), 'not a key')
    await until(async () => (await sh(look)).includes('"code":"tls_reload_failed"'), 'the warning')
  })

  it('names metrics that are there', async () => {
    const text = await createMetrics().registry.metrics()
    const named = fenced('promql').map((block) => /sallyport_\w+/.exec(block)?.[0] ?? '')
    expect(named).toHaveLength(2)
    for (const name of named) expect(text).toContain(`# TYPE ${name} gauge`)
  })
})
