import { describe, expect, it } from 'vitest'
import { suggest } from '../../src/config/suggest.ts'

const names = ['listen', 'tls', 'http2', 'allowed_hosts', 'allowed_origins', 'max_streams', 'url']

describe('a suggestion', () => {
  it.each([
    ['lisen', 'listen'],
    ['lsiten', 'listen'],
    ['LISTEN', 'listen'],
    ['allowed_host', 'allowed_hosts'],
    ['allowedHosts', 'allowed_hosts'],
    ['allowed-origin', 'allowed_origins'],
    ['tsl', 'tls'],
    ['uri', 'url'],
  ])('for %s is %s', (written, meant) => {
    expect(suggest(written, names)).toBe(meant)
  })

  it.each(['cookie', 'x', '', 'tool', 'max', 'hosts'])('is not made for %j', (written) => {
    expect(suggest(written, names)).toBeUndefined()
  })
})
