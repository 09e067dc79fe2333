import { describe, expect, it } from 'vitest'
import { SessionSeal } from '../../../src/mcp/index.ts'

const KEY = 'k'.repeat(43)
const OTHER_KEY = 'o'.repeat(43)
const session = { endpointKey: 'AbC123_-', sessionId: 'f00-bar' }

describe('a sealed session id', () => {
  it('opens to what was sealed, also in another process with the same key', () => {
    const sealed = new SessionSeal([KEY]).seal('weather', session)
    expect(new SessionSeal([KEY]).open('weather', sealed)).toEqual(session)
  })

  it('consists of characters that a header may carry', () => {
    expect(new SessionSeal([KEY]).seal('weather', session)).toMatch(/^[\x21-\x7e]+$/)
  })

  it('shows nothing of the endpoint’s own id', () => {
    const sealed = new SessionSeal([KEY]).seal('weather', session)
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain(session.sessionId)
  })

  it('does not open for another server, with another key, or altered in any byte', () => {
    const seal = new SessionSeal([KEY])
    const sealed = seal.seal('weather', session)
    expect(seal.open('files', sealed)).toBeUndefined()
    expect(new SessionSeal([OTHER_KEY]).open('weather', sealed)).toBeUndefined()
    const bytes = Buffer.from(sealed, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const altered = Buffer.from(bytes)
      altered[at] = (altered[at] ?? 0) ^ 1
      expect(seal.open('weather', altered.toString('base64url')), `byte ${at}`).toBeUndefined()
    }
  })

  it.each(['', 'x', '1', '../../etc/passwd', 'AQ'.repeat(3_000), '\u00e9'])(
    'is undefined for %j, which never was one',
    (text) => {
      expect(new SessionSeal([KEY]).open('weather', text)).toBeUndefined()
    },
  )

  it('opens in one spelling only', () => {
    const seal = new SessionSeal([KEY])
    const sealed = seal.seal('weather', session)
    expect(seal.open('weather', `${sealed}=`)).toBeUndefined()
    expect(seal.open('weather', ` ${sealed}`)).toBeUndefined()
  })

  it('still opens after its key was moved down the list, and new ones are sealed by the first', () => {
    const old = new SessionSeal([OTHER_KEY]).seal('weather', session)
    const rotated = new SessionSeal([KEY, OTHER_KEY])
    expect(rotated.open('weather', old)).toEqual(session)
    const fresh = rotated.seal('weather', session)
    expect(new SessionSeal([KEY]).open('weather', fresh)).toEqual(session)
    expect(new SessionSeal([OTHER_KEY]).open('weather', fresh)).toBeUndefined()
  })
})
