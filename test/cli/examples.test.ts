import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makePair } from '../config/config-file.ts'
import { folderWith, runCli } from './run-cli.ts'

const FOLDER = resolve(import.meta.dirname, '../../examples')
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))

describe('examples', () => {
  it('are there', () => {
    expect(examples).toContain('gateway.yaml')
  })

  it.each(examples)('%s is valid', async (name) => {
    const folder = folderWith({})
    makePair(folder, 'server')
    const env = {
      TLS_CERT_FILE: join(folder, 'server.crt'),
      TLS_KEY_FILE: join(folder, 'server.key'),
    }
    expect(await runCli(['check', '-c', join(FOLDER, name)], { env })).toMatchObject({
      code: 0,
      stderr: '',
    })
  })
})
