// What the listener does with TLS beyond its settings, before clients that share no code with it: facts of the runtime that it
// depends on, so that a new Node cannot change them silently.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { Lab } from './lab.ts'
import { talkWithOpenssl, WILLING } from './openssl.ts'
import { DEFAULTS, HTTP2_FORBIDDEN, type Setting } from './settings.ts'
import { CHROMIUM, converse, CURL, OPENSSL } from './tool.ts'

const lab = new Lab()
const OLD: Setting = { name: 'old versions', tls: { min_version: '1.0' } }
const HTTP1: Setting = { name: 'HTTP/1.1 only', tls: {}, http2: false }
const NAMES: Setting = {
  name: 'several names and keys',
  tls: {
    certificates: [
      lab.issue('rsa'),
      lab.issue('ec', 'a.example'),
      lab.issue('ec', '*.b.example'),
      lab.issue('ec', 'exact.b.example'),
    ],
  },
}
const settings = [DEFAULTS, OLD, HTTP1, NAMES, HTTP2_FORBIDDEN]
lab.start(settings)
lab.scan(settings)

const withOpenssl = OPENSSL.isInstalled

describe.runIf(withOpenssl)('openssl', () => {
  const talk = (setting: Setting, args: readonly string[], options = {}) =>
    talkWithOpenssl(lab.target(setting), args, options)

  it.each(['-tls1', '-tls1_1', '-tls1_2'])('cannot renegotiate, %s', async (version) => {
    const args = [version, '-cipher', WILLING]
    const { output } = await talk(OLD, args, { input: 'R\n', hasCommands: true })
    expect(output).toMatch(/^CONNECTION ESTABLISHED\n[\s\S]*^RENEGOTIATING\n.*:no renegotiation:/m)
  })

  it('is told not to fall back from a version that the listener has', async () => {
    const { output } = await talk(DEFAULTS, ['-tls1_2', '-fallback_scsv'])
    expect(output).toMatch(/alert inappropriate fallback.*SSL alert number 86/)
  })

  it.each(['-tls1_2', '-tls1_3'])('resumes its session by ticket, %s', async (version) => {
    const file = join(temporaryFolder(), 'session')
    const first = await talk(DEFAULTS, [version, '-sess_out', file], { verbose: true })
    expect(first.output).toMatch(/^New, TLSv1\.[23], /m)
    const second = await talk(DEFAULTS, [version, '-sess_in', file], { verbose: true })
    expect(second.output).toMatch(/^Reused, TLSv1\.[23], /m)
    expect(second.output).toMatch(/^HTTP\/1\.1 404 /m)
  })

  it('gets no early data in: it could be sent again by whoever recorded it', async () => {
    const folder = temporaryFolder()
    const [session, early] = [join(folder, 'session'), join(folder, 'early')]
    writeFileSync(early, 'GET /early HTTP/1.1\r\n')
    await talk(DEFAULTS, ['-tls1_3', '-sess_out', session], { verbose: true })
    const args = ['-tls1_3', '-sess_in', session, '-early_data', early]
    const { output } = await talk(DEFAULTS, args, { verbose: true })
    expect(output).toContain('Reused, TLSv1.3')
    expect(output).toContain('Early data was not sent')
  })

  it('finds TLS 1.2 bound to its handshake, and nothing compressed', async () => {
    const { output } = await talk(DEFAULTS, ['-tls1_2'], { verbose: true })
    expect(output).toContain('Extended master secret: yes')
    expect(output).toContain('Secure Renegotiation IS supported')
    expect(output).toContain('Compression: NONE')
  })

  it.each([
    ['h2', DEFAULTS, 'h2'],
    ['http/1.1', DEFAULTS, 'http/1.1'],
    ['http/1.1,h2', DEFAULTS, 'h2'],
    ['unknown,http/1.1', DEFAULTS, 'http/1.1'],
    ['h2,http/1.1', HTTP1, 'http/1.1'],
  ])(
    'offers the protocols %s and gets the one that the listener prefers',
    async (offered, setting, chosen) => {
      const args = ['-alpn', offered]
      const { output } = await talk(setting, args, {
        verbose: true,
        input: 'Q\n',
        hasCommands: true,
      })
      expect(output).toContain(`ALPN protocol: ${chosen}\n`)
    },
  )

  it.each([
    ['unknown', DEFAULTS],
    ['h2', HTTP1],
  ])('is refused when it offers the protocol %s alone', async (offered, setting) => {
    const { output } = await talk(setting, ['-alpn', offered])
    expect(output).toMatch(/alert no application protocol.*SSL alert number 120/)
  })

  it.each([
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['a.example.', 'a.example'],
    ['X.B.EXAMPLE.', '*.b.example'],
    ['exact.b.example', 'exact.b.example'],
    ['x.y.b.example', 'localhost'],
    ['unknown.example', 'localhost'],
  ])('asks for %s and gets the certificate of %s', async (servername, commonName) => {
    const { output } = await talk(NAMES, [], { servername })
    expect(output).toContain(`\nPeer certificate: CN = ${commonName}\n`)
  })

  it('gets the first certificate when it asks for no name', async () => {
    const { port, caFile } = lab.target(NAMES)
    const place = ['-connect', `127.0.0.1:${port}`, '-noservername', '-CAfile', caFile]
    const { output } = await converse(OPENSSL, ['s_client', '-brief', ...place], { input: 'Q\n' })
    expect(output).toContain('\nPeer certificate: CN = localhost\n')
  })

  it.each([
    ['RSA-PSS+SHA256', '-tls1_3', 'RSA-PSS'],
    ['RSA+SHA256', '-tls1_2', 'RSA'],
    ['ECDSA+SHA256', '-tls1_3', 'ECDSA'],
    ['ECDSA+SHA256', '-tls1_2', 'ECDSA'],
  ])(
    'verifies %s alone, and gets the certificate with that kind of key, %s',
    async (algorithms, version, type) => {
      const { output } = await talk(NAMES, [version, '-sigalgs', algorithms])
      expect(output).toContain(`\nSignature type: ${type}\n`)
    },
  )
})

it.runIf(CURL.isInstalled)('curl gets nothing over plain HTTP', async () => {
  const place = `http://127.0.0.1:${lab.target(DEFAULTS).port}/`
  const { exitCode, output } = await converse(CURL, ['-sS', '--noproxy', '*', '-i', place])
  expect({ exitCode, output }).toEqual({
    exitCode: 52,
    output: 'curl: (52) Empty reply from server\n',
  })
})

// RFC 9113 §9.2.2: a browser that was offered HTTP/2 and then gets such a suite gives up.
it.runIf(CHROMIUM.isInstalled)(
  'chromium is not offered HTTP/2 where only suites are left that it forbids',
  () => {
    const seen = lab.seen('chromium', HTTP2_FORBIDDEN)
    expect(seen).toMatchObject({ handshake: { kind: 'agreed', protocol: 'http/1.1' } })
    expect(seen).not.toHaveProperty('failure', expect.anything())
  },
)
