// Keys of TLS as other products call them: what the fault proposes instead, on a listener and towards a server.
import { describe, expect, it } from 'vitest'
import { changed, faultsOf, MINIMAL } from './config-file.ts'

const LISTEN = '  - listen: 127.0.0.1:8443'
const URL = '      - url: http://127.0.0.1:5051/mcp'

/** What is to be done about the one key of `tls` that does not exist. */
function mendOf(text: string): string | undefined {
  return faultsOf(text).find(({ got }) => got.startsWith('the unknown key'))?.mend
}

const onListener = (written: string) =>
  mendOf(changed(LISTEN, `${LISTEN}\n    tls: {pfx_file: a.p12, ${written}}`))

const towardsServer = (written: string) =>
  mendOf(changed(URL, `      - {url: "https://a.test/mcp", tls: {${written}}}`))

describe('a key of another product', () => {
  it.each([
    ['certificate', 'cert_file', 'cert_file'],
    ['ssl_certificate_key', 'key_file', 'key_file'],
    ['certfile', 'cert_file', 'cert_file'],
    ['keyfile', 'key_file', 'key_file'],
    ['private_key', 'key_file', 'key_file'],
    ['keyfile_password', 'key_password', 'key_password'],
    ['ca_bundle', 'client_ca_file', 'ca_cert'],
    ['ca_certs', 'client_ca_file', 'ca_cert'],
    ['ca_file', 'client_ca_file', 'ca_cert'],
    ['min_tls_version', 'min_version', 'min_version'],
    ['maxTlsVersion', 'max_version', 'max_version'],
    ['ciphers', 'cipher_suites', 'cipher_suites'],
    ['ssl-ecdh-curve', 'curve_preferences', 'curve_preferences'],
  ])('%s leads to ours', (written, ofListener, ofServer) => {
    expect(onListener(`${written}: x`)).toBe(`did you mean "${ofListener}"?`)
    expect(towardsServer(`${written}: x`)).toBe(`did you mean "${ofServer}"?`)
  })

  it.each([
    ['ssl_cert_reqs', 'client_auth'],
    ['ssl_verify_client', 'client_auth'],
  ])('%s leads to %s on a listener', (written, ours) => {
    expect(onListener(`${written}: 2`)).toBe(`did you mean "${ours}"?`)
  })

  it.each([
    ['insecure_skip_tls_verify', 'insecure_skip_verify'],
    ['sni', 'server_name'],
    ['verify_hostname', 'check_hostname'],
  ])('%s leads to %s towards a server', (written, ours) => {
    expect(towardsServer(`${written}: true`)).toBe(`did you mean "${ours}"?`)
  })

  it.each([
    ['enabled: true', 'remove it: tls is on where the section is there'],
    ['enabled: false', 'remove the section: tls is on where it is there'],
  ])('%s is not needed', (written, mend) => {
    expect(onListener(written)).toBe(mend)
    expect(towardsServer(written)).toBe(mend)
  })

  it.each([
    ['verify: true', /^write client_auth: verify/, /^remove it: servers are always verified$/],
    [
      'verify: false',
      /^remove it: clients are not verified/,
      /^name the authority .* in ca_cert; insecure_skip_verify: true believes whoever answers$/,
    ],
    ['verify: ca.pem', /^write client_auth: verify/, /^remove it: .* against ca_cert if you name/],
  ])('%s is told what stands for it', (written, ofListener, ofServer) => {
    expect(onListener(written)).toMatch(ofListener)
    expect(towardsServer(written)).toMatch(ofServer)
  })

  it('leads to the section, and to its keys in variables', () => {
    expect(mendOf(changed(LISTEN, `${LISTEN}\n    ssl: {}`))).toBe('did you mean "tls"?')
    const variable = 'SALLYPORT__LISTENERS__0__TLS__CA_BUNDLE'
    expect(faultsOf(MINIMAL, { [variable]: 'x' })[0]?.mend).toBe('did you mean CLIENT_CA_FILE?')
  })

  it('means nothing where the section has no such key', () => {
    expect(mendOf(`${MINIMAL}log: {enabled: true}\n`)).not.toMatch(/tls/)
    expect(mendOf(`${MINIMAL}log: {sni: a}\n`)).not.toMatch(/server_name"/)
  })
})
