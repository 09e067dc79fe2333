import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configJsonSchema } from '../../src/config/index.ts'
import { run } from '../support/programs.ts'
import { BIN, configFor, folderWith, runCli, startCli } from './run-cli.ts'

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2'
const TEXT = configFor('http://127.0.0.1:1/mcp', `sessions: {keys: ["${SECRET}"]}\n`)

describe('sallyport config show', () => {
  it('prints the effective configuration, secrets hidden', async () => {
    const cwd = folderWith({ 'sallyport.yaml': TEXT })
    const { code, stdout, stderr } = await runCli(['config', 'show'], { cwd })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).not.toContain('hunter2')
    expect(parse(stdout)).toMatchObject({
      listeners: [{ listen: '127.0.0.1:0', http2: false }],
      limits: { max_body_bytes: '4MiB' },
      sessions: { keys: ['***'] },
    })
  })

  it('prints nothing of a configuration with faults', async () => {
    const cwd = folderWith({ 'sallyport.yaml': TEXT.replace('keys: ["', 'keys: [["') })
    const { code, stdout, stderr } = await runCli(['config', 'show'], { cwd })
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).not.toContain('hunter2')
  })
})

describe('sallyport config schema', () => {
  it('prints the JSON Schema', async () => {
    const { code, stdout } = await runCli(['config', 'schema'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(configJsonSchema())
  })

  it('prints all of it to a reader that is late, through a pipe that holds less', async () => {
    const program = [process.execPath, BIN, 'config', 'schema'].map((it) => `'${it}'`).join(' ')
    const { output } = await run('sh', ['-c', `${program} | { sleep 1; cat; }`])
    expect(JSON.parse(output)).toEqual(configJsonSchema())
  })

  it('does not mind a reader that has left', async () => {
    const { child, ended } = startCli(['config', 'schema'])
    child.stdout.destroy()
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })
})
