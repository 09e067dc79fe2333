import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keptSessionKey } from '../../src/gateway/session-key.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('the kept session key', () => {
  it('is made once, for its owner alone, and read from then on', async () => {
    const folder = join(temporaryFolder(), 'new', 'state')
    const key = await keptSessionKey(folder)
    expect(Buffer.from(key, 'base64url')).toHaveLength(32)
    expect(await keptSessionKey(folder)).toBe(key)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'session.key')).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(['session.key'])
  })

  it('is the same for all that start at once', async () => {
    const folder = temporaryFolder()
    const keys = await Promise.all(Array.from({ length: 20 }, () => keptSessionKey(folder)))
    expect(new Set(keys).size).toBe(1)
    expect(readFileSync(join(folder, 'session.key'), 'utf8').trim()).toBe(keys[0])
  })

  it('is refused when the file holds something else, without quoting it', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'session.key'), 'too short')
    await expect(keptSessionKey(folder)).rejects.toThrow(
      expect.objectContaining({
        code: 'SESSION_KEY',
        message: expect.not.stringContaining('too short'),
      }),
    )
  })
})
