// The configuration in the README, taken at its word.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { testAuthority } from '../support/pki.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8')
const [, config = ''] = /^```yaml\n# sallyport.yaml\n([^]*?)^```$/m.exec(README) ?? []

it('has a configuration that is in order', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'certs'))
  writeFileSync(join(folder, 'sallyport.yaml'), config)
  const authority = testAuthority()
  const [server, client] = [authority.issue(), authority.issue({ purpose: 'clientAuth' })]
  copyFileSync(authority.certFile, join(folder, 'certs/ca.crt'))
  for (const [name, { certFile, keyFile }] of Object.entries({ server, client })) {
    copyFileSync(certFile, join(folder, `certs/${name}.crt`))
    copyFileSync(keyFile, join(folder, `certs/${name}.key`))
  }
  const { code, stdout, stderr } = await runCli(['check'], { cwd: folder })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('sallyport.yaml')
})

it('names only pages that are there', () => {
  const links = [...README.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = '']) => target)
  expect(links.length).toBeGreaterThan(10)
  for (const target of links) {
    expect(() => readFileSync(resolve(import.meta.dirname, '../..', target))).not.toThrow('ENOENT')
  }
})
