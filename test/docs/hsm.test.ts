// The page on keys in an HSM, taken at its word: its commands run in their order, and its configuration is checked and served.
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, startCli } from '../cli/run-cli.ts'
import { hasTool, run } from '../support/programs.ts'
import { ENGINE, hasSoftHsm } from '../support/soft-hsm.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/guide/hsm.md'), 'utf8')

function fenced(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))
  return [...blocks].map(([, text = '']) => text)
}

describe.skipIf(!hasSoftHsm || !hasTool('curl'))('docs/guide/hsm.md (SoftHSM)', () => {
  it('leads to a handshake with a key in a token', async () => {
    const folder = temporaryFolder()
    const [make = '', ask = '', ...rest] = fenced('sh')
    expect(rest).toEqual([])
    const sh = async (text: string): Promise<string> => {
      const { exitCode, output } = await run('bash', ['-euc', `cd "$1"\n${text}`, 'bash', folder])
      expect({ text, output, exitCode }).toMatchObject({ exitCode: 0 })
      return output
    }
    const written = await sh(`${make}\necho "module $PKCS11_MODULE_PATH"`)
    const [, PKCS11_MODULE_PATH = ''] = /^module (.*)$/m.exec(written) ?? []
    const config = (fenced('yaml')[0] ?? '')
      .replace('127.0.0.1:8443', '127.0.0.1:0')
      .replace(/key_engine: .*/, `key_engine: ${ENGINE}`)
    writeFileSync(join(folder, 'sallyport.yaml'), `${config}state_dir: state\n`)
    const options = {
      cwd: folder,
      env: { SOFTHSM2_CONF: join(folder, 'softhsm2.conf'), PKCS11_MODULE_PATH },
    }
    expect(await runCli(['check'], options)).toMatchObject({ code: 0 })
    const { line } = startCli(['serve'], options)
    const [, port = ''] = await line(/^listening on https:\/\/[^:]+:(\d+)$/m)
    expect(await sh(ask.replace('8443', port))).toContain('"status"')
  })
})
