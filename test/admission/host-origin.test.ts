import { describe, expect, it } from 'vitest'
import { HostOriginCheck, type HostOriginContext } from '../../src/admission/index.ts'

function refusal(authority: string, origin?: string, options: Partial<HostOriginContext> = {}) {
  const check = new HostOriginCheck({
    allowedHosts: ['MCP.example.com', '10.0.0.9'],
    allowedOrigins: ['https://app.example.com', 'https://App.example.com:8444'],
    boundHost: '127.0.0.1',
    certificateHosts: ['*.corp.example', 'gw.corp.example', '::2'],
    ...options,
  })
  return check.refuse({ authority, header: (name) => (name === 'origin' ? origin : undefined) })
    ?.code
}

describe('the Host', () => {
  it.each([
    'localhost',
    'LOCALHOST:8443',
    '127.0.0.1:1',
    '[::1]:8443',
    '::1',
    'mcp.example.com',
    'mcp.example.com.:443',
    '10.0.0.9:80',
    'gw.corp.example',
    'any.corp.example:8443',
    '[::2]',
  ])('may be %s', (authority) => {
    expect(refusal(authority)).toBeUndefined()
  })

  it.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:8443',
    'a.b.corp.example',
    'corp.example',
    '.corp.example',
    '169.254.169.254',
    '',
    '[]',
  ])('may not be %j', (authority) => {
    expect(refusal(authority)).toBe('GW_HOST_NOT_ALLOWED')
  })

  it('may be a name of the certificate that came last, or of the one before', () => {
    const context = { allowedHosts: ['a.example'], allowedOrigins: [], boundHost: '0.0.0.0' }
    const check = new HostOriginCheck({ ...context, certificateHosts: ['one.example'] })
    const accepted = () =>
      ['a.example', 'one.example', 'two.example', 'x.three.example'].filter(
        (authority) => check.refuse({ authority, header: () => undefined }) === undefined,
      )
    expect(accepted()).toEqual(['a.example', 'one.example'])
    check.replaceCertificateHosts(['two.example'])
    expect(accepted()).toEqual(['a.example', 'one.example', 'two.example'])
    // The same names again, as after any other reload: nothing is forgotten.
    check.replaceCertificateHosts(['two.example'])
    expect(accepted()).toEqual(['a.example', 'one.example', 'two.example'])
    check.replaceCertificateHosts(['*.three.example'])
    expect(accepted()).toEqual(['a.example', 'two.example', 'x.three.example'])
  })

  it('is not loopback’s by itself on a listener that others can reach', () => {
    expect(refusal('localhost', undefined, { boundHost: '0.0.0.0' })).toBe('GW_HOST_NOT_ALLOWED')
    expect(refusal('mcp.example.com', undefined, { boundHost: '0.0.0.0' })).toBeUndefined()
  })
})

describe('the Origin', () => {
  it.each([
    ['absent, as from every client that is no browser', undefined],
    ['that of the gateway itself', 'https://localhost:8443'],
    ['that of the gateway behind a terminator', 'http://localhost:8443'],
    ['a trusted one', 'https://app.example.com'],
    ['a trusted one on its port', 'https://app.example.com:8444'],
  ])('may be %s', (_, origin) => {
    expect(refusal('localhost:8443', origin)).toBeUndefined()
  })

  it.each([
    ['another site', 'https://evil.example'],
    ['another port of this host', 'https://localhost:3000'],
    ['another port of a trusted host', 'https://app.example.com:1'],
    ['a trusted name as a prefix', 'https://app.example.com.evil.example'],
    ['a trusted host in plain HTTP', 'http://app.example.com'],
    ['opaque', 'null'],
    ['empty', ''],
  ])('may not be %s', (_, origin) => {
    expect(refusal('localhost:8443', origin)).toBe('GW_ORIGIN_NOT_ALLOWED')
  })
})
