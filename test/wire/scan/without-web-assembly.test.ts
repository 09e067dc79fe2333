import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

describe('a runtime without WebAssembly', () => {
  it('gets the same outline by the plain pass', () => {
    const outline = join(import.meta.dirname, '../../../src/wire/outline.ts')
    const program = `
      import { outlineMessage } from ${JSON.stringify(outline)}
      delete globalThis.WebAssembly
      const params = { name: 'n', arguments: Array(9_000).fill('text') }
      const body = Buffer.from(JSON.stringify({ method: 'm', params }))
      console.log(JSON.stringify(outlineMessage(body, { maxDepth: 9, elements: 9_999 })?.message))`
    const args = ['--input-type=module', '--eval', program]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe(
      '{"method":"m","params":{"name":"n"}}\n',
    )
  })
})
