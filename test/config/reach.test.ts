// Who may be reached from other machines: listeners that verify callers by certificate, and others only when it was said.
import { describe, expect, it } from 'vitest'
import { testAuthority } from '../support/pki.ts'
import { changed, faultLines, loadValid } from './config-file.ts'

const LISTEN = '  - listen: 127.0.0.1:8443'
const PUBLIC = 'insecure_allow_public: true\n'

/** A listener of all interfaces with a certificate, and more in its `tls`. */
function beyondLoopback(more: Readonly<Record<string, unknown>> = {}): string {
  const { certFile: cert_file, keyFile: key_file } = testAuthority().issue()
  const tls = JSON.stringify({ cert_file, key_file, ...more })
  return changed(LISTEN, `  - listen: "0.0.0.0:8443"\n    tls: ${tls}`)
}

const client_ca_file = () => testAuthority('Clients').certFile

const remarksOf = (text: string): readonly string[] =>
  loadValid(text)
    .warnings.filter(({ path }) => path === 'insecure_allow_public')
    .map(({ message }) => message)

describe('a listener beyond loopback', () => {
  it.each(['verify', 2, '2'])('needs nothing with client_auth %j', (client_auth) => {
    const text = beyondLoopback({ client_auth, client_ca_file: client_ca_file() })
    expect(faultLines(text)).toEqual([])
  })

  it.each([
    ['no client_auth', () => ({})],
    ['client_auth: request', () => ({ client_auth: 'request', client_ca_file: client_ca_file() })],
    ['client_auth: require', () => ({ client_auth: 'require' })],
  ])('needs insecure_allow_public with %s', (_, more) => {
    const text = beyondLoopback(more())
    expect(faultLines(text)).toEqual([
      expect.stringMatching(
        /^sallyport\.yaml:2:13: listeners\[0\]\.listen: expected a loopback address, or tls with client_auth: verify, .*; listen on 127\.0\.0\.1, set client_auth: verify with client_ca_file, or set insecure_allow_public: true$/,
      ),
    ])
    expect(faultLines(text + PUBLIC)).toEqual([])
  })

  it('with verify and no authorities lacks both', () => {
    expect(faultLines(beyondLoopback({ client_auth: 'verify' }))).toEqual([
      expect.stringContaining('listeners[0].listen: expected a loopback address'),
      expect.stringContaining('client_auth: expected client_ca_file beside it'),
    ])
  })
})

describe('insecure_allow_public', () => {
  it('is warned of by what it opens', () => {
    const verifying = beyondLoopback({ client_auth: 'verify', client_ca_file: client_ca_file() })
    const both = verifying.replace('servers:', '  - listen: 127.0.0.1:8080\nservers:')
    expect(remarksOf(beyondLoopback() + PUBLIC)).toEqual([
      'nothing authenticates callers: whoever reaches a listener can call every server',
    ])
    expect(remarksOf(both + PUBLIC)).toEqual([
      expect.stringMatching(/^nothing authenticates callers where client_auth is not verify: /),
    ])
    expect(remarksOf(verifying + PUBLIC)).toEqual([
      'not needed: every listener verifies callers by certificate',
    ])
  })
})
