import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REFERENCE_FOLDER, referencePages } from '../../scripts/generate-reference.ts'
import { describeConfig } from '../../src/config/index.ts'
import { errorTable } from '../../src/core/index.ts'

const pages = referencePages()
const certsHeading = (name: string): string => `## \`sallyport certs ${name}\``

describe('docs/reference', () => {
  it.each([...pages.keys()])('%s is what the code says (npm run docs)', (name) => {
    expect(readFileSync(join(REFERENCE_FOLDER, name), 'utf8')).toBe(pages.get(name))
  })

  it('has every key of the configuration and every error code', () => {
    for (const { path } of describeConfig()) {
      expect(pages.get('config.md')).toContain(`\n### \`${path}\`\n`)
    }
    for (const name of Object.keys(errorTable)) {
      expect(pages.get('errors.md')).toContain(`\n## ${name}\n`)
    }
  })

  it('names no metric, command or option that is not there', () => {
    expect(pages.get('metrics.md')).toMatch(
      /\| `sallyport_exchanges_total` \| counter \| `route`, `status` \|/,
    )
    expect(pages.get('cli.md')?.match(/^## `.*$/gm)).toEqual([
      '## `sallyport`',
      '## `sallyport serve`',
      '## `sallyport check`',
      '## `sallyport config`',
      '## `sallyport config show`',
      '## `sallyport config schema`',
      '## `sallyport certs`',
      ...['ca', 'gateway', 'plugin', 'server', 'client', 'all'].map(certsHeading),
      ...['check', 'inspect', 'revoke', 'crl', 'renew'].map(certsHeading),
    ])
  })
})
