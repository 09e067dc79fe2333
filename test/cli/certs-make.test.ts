// The commands that make one certificate, every flag of them by its effect.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { hasTool, run } from '../support/programs.ts'
import { certsFolder, daysOf } from './certs-run.ts'

const CA = 'certs/mcp/ca/ca.crt'
const PLUGIN = 'certs/mcp/plugins/MyPlugin/server.crt'

describe('certs ca', () => {
  it('makes an authority on P-256 for 825 days, its key for its owner alone', async () => {
    const { certs, cert, mode, read } = certsFolder()
    const { code, stdout, stderr } = await certs('ca')
    const authority = cert(CA)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      `CA Certificate:\n   Written: ${CA}, certs/mcp/ca/ca.key\n   Expires: ${authority.validTo}\n`,
    )
    expect(authority.ca).toBe(true)
    expect(authority.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    expect(daysOf(authority)).toBe(825)
    expect([mode(CA), mode('certs/mcp/ca/ca.key')]).toEqual(['644', '600'])
    expect(authority.checkPrivateKey(createPrivateKey(read('certs/mcp/ca/ca.key')))).toBe(true)
  })

  it('leaves one that is there as it is, and says so', async () => {
    const { certs, read } = certsFolder()
    await certs('ca')
    const before = [read(CA), read('certs/mcp/ca/ca.key')]
    const { code, stdout } = await certs('ca --days 5')
    expect(code).toBe(0)
    expect(stdout).toContain(
      `   Exists: ${CA} (left as it is; for a new one, delete certs/mcp/ca first)`,
    )
    expect([read(CA), read('certs/mcp/ca/ca.key')]).toEqual(before)
  })

  it('stands where --dir says', async () => {
    const { certs, cert, folder } = certsFolder()
    expect((await certs('ca --dir other/tree')).code).toBe(0)
    expect(cert('other/tree/ca/ca.crt').ca).toBe(true)
    expect(readdirSync(folder)).toEqual(['other'])
  })

  it.each(['rsa-2048', 'rsa-3072', 'rsa-4096'])('has a key as --key-type %s says', async (type) => {
    const { certs, cert } = certsFolder()
    const { code, stderr } = await certs(`ca --key-type ${type}`)
    const bits = cert(CA).publicKey.asymmetricKeyDetails?.modulusLength
    expect([code, `rsa-${bits}`]).toEqual([0, type])
    expect(stderr).toBe(
      `CA Certificate: making an ${type.toUpperCase()} key, which takes some seconds\n`,
    )
  })

  it('lasts as long as MCP_CERT_DAYS says, and --days before that', async () => {
    const { certs, cert } = certsFolder()
    await certs('ca', { MCP_CERT_DAYS: '1825' })
    await certs('ca --days 90 --dir flag', { MCP_CERT_DAYS: '1825' })
    expect([daysOf(cert(CA)), daysOf(cert('flag/ca/ca.crt'))]).toEqual([1825, 90])
  })

  it('refuses a half of a pair', async () => {
    const { certs, path } = certsFolder()
    await certs('ca')
    rmSync(path('certs/mcp/ca/ca.key'))
    const { code, stderr } = await certs('ca')
    expect(code).toBe(78)
    expect(stderr).toMatch(
      /ca\.key: expected the other half of .*ca\.crt, got no such file; bring it back, or delete both\n$/,
    )
  })
})

describe('certs gateway, plugin, server and client', () => {
  it.each([
    ['gateway', 'gateway/client', 'DNS:mcp-gateway', '1.3.6.1.5.5.7.3.2'],
    [
      'plugin MyPlugin',
      'plugins/MyPlugin/server',
      'DNS:MyPlugin, DNS:mcp-plugin-MyPlugin, DNS:localhost',
      '1.3.6.1.5.5.7.3.1',
    ],
    [
      'server mcp.example.com',
      'servers/mcp.example.com/server',
      'DNS:mcp.example.com, DNS:localhost',
      '1.3.6.1.5.5.7.3.1',
    ],
    [
      'server 10.0.0.5',
      'servers/10.0.0.5/server',
      'IP Address:10.0.0.5, DNS:localhost',
      '1.3.6.1.5.5.7.3.1',
    ],
    ['client agent', 'clients/agent/client', 'DNS:agent', '1.3.6.1.5.5.7.3.2'],
    [
      'client bot@example.com',
      'clients/bot@example.com/client',
      'email:bot@example.com',
      '1.3.6.1.5.5.7.3.2',
    ],
  ])('makes a pair, and the authority on the way: certs %s', async (line, stem, names, purpose) => {
    const { certs, cert, read, mode, path } = certsFolder()
    const { code, stdout, stderr } = await certs(line)
    expect([code, stderr]).toEqual([0, ''])
    const file = `certs/mcp/${stem}`
    const leaf = cert(`${file}.crt`)
    expect(leaf.subjectAltName).toBe(names)
    expect(leaf.keyUsage).toEqual([purpose])
    expect(leaf.ca).toBe(false)
    expect(leaf.verify(cert(CA).publicKey)).toBe(true)
    expect(leaf.checkPrivateKey(createPrivateKey(read(`${file}.key`)))).toBe(true)
    expect([mode(`${file}.crt`), mode(`${file}.key`)]).toEqual(['644', '600'])
    expect(stdout).toContain(`   Written: ${file}.crt, ${file}.key\n   Names: ${names}\n`)
    const folder = file.replace(/\/[^/]+$/, '')
    expect(read(`${folder}/ca.crt`)).toBe(read(CA))
    expect(readdirSync(path(folder))).toHaveLength(3)
  })

  it('leaves a pair that is there as it is', async () => {
    const { certs, read } = certsFolder()
    await certs('plugin MyPlugin')
    const before = read(PLUGIN)
    const { code, stdout } = await certs('plugin MyPlugin --san other.example')
    expect(code).toBe(0)
    expect(stdout).toContain(`   Exists: ${PLUGIN} (left as it is`)
    expect(read(PLUGIN)).toBe(before)
  })

  it('adds what --san and --ip name, each once', async () => {
    const { certs, cert } = certsFolder()
    const names =
      '--san *.example.com --san localhost --san spiffe://example.com/plugin --san a@b.example'
    const { code } = await certs(`plugin MyPlugin --ip 127.0.0.1 --ip ::1 ${names}`)
    expect(code).toBe(0)
    expect(cert(PLUGIN).subjectAltName?.split(', ')).toEqual([
      'DNS:MyPlugin',
      'DNS:mcp-plugin-MyPlugin',
      'DNS:localhost',
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
      'DNS:*.example.com',
      'URI:spiffe://example.com/plugin',
      'email:a@b.example',
    ])
  })

  it('has a key of its own type and a life of its own, but ends with its authority', async () => {
    const { certs, cert } = certsFolder()
    await certs('ca --days 100')
    await certs('server short --days 20 --key-type rsa-2048')
    const long = await certs('server long --days 400')
    const short = cert('certs/mcp/servers/short/server.crt')
    expect(short.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
    expect(daysOf(short)).toBe(20)
    expect(cert('certs/mcp/servers/long/server.crt').validTo).toBe(cert(CA).validTo)
    expect(long.stderr).toMatch(
      /^warning: Server long: ends with its authority, after 100 days and not 400; renew that first/,
    )
  })

  it.each([
    ['My_Plugin', '"My_Plugin" and "mcp-plugin-My_Plugin"'],
    ['Bücher', '"Bücher" and "mcp-plugin-Bücher"'],
  ])('says what a certificate is for when the name %s is none of DNS', async (name, unfit) => {
    const { certs, cert } = certsFolder()
    const { code, stderr } = await certs(`plugin ${name}`)
    expect(code).toBe(0)
    expect(stderr).toBe(
      `warning: Plugin ${name}: no DNS name is written like ${unfit}, so the certificate has localhost; add what clients connect to with --san\n`,
    )
    const { subject, subjectAltName } = cert(`certs/mcp/plugins/${name}/server.crt`)
    expect([subject, subjectAltName]).toEqual([`CN=${name}`, 'DNS:localhost'])
  })

  it.each(['../evil', '..', '.hidden', 'a/b', 'a\\b', 'x'.repeat(65), 'a:b', 'tab\there'])(
    'refuses the name %j and leaves nothing behind',
    async (name) => {
      const { certs, folder } = certsFolder()
      const { code, stderr, stdout } = await certs(`plugin ${name}`)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(
        /^sallyport: expected .*, got ".*"; it names a folder of the tree: choose another\n$/,
      )
      expect(readdirSync(folder)).toEqual([])
    },
  )

  it.each([
    ['--san two_words.-x', /expected a name for the certificate/],
    ['--ip 0.0.0.0', /IP address to connect to.*got "IP:0\.0\.0\.0"/],
    ['--ip localhost', /got "IP:localhost"/],
    ['--days 0', /'0' is invalid\. Expected whole days from 1 to 36500/],
    ['--days 1.5', /Expected whole days/],
    ['--key-type dsa', /Allowed choices are ecdsa-p256, rsa-2048, rsa-3072, rsa-4096/],
    [
      '--password-file a --password-env B',
      /expected one of --password-file and --password-env, got both/,
    ],
  ])('refuses %s before anything is made', async (flags, reason) => {
    const { certs, folder } = certsFolder()
    const { code, stderr } = await certs(`plugin MyPlugin ${flags}`)
    expect(code).toBe(2)
    expect(stderr).toMatch(reason)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(readdirSync(folder)).toEqual([])
  })

  it.each(['0', 'many', '-1', '99999999'])('refuses MCP_CERT_DAYS=%s', async (days) => {
    const { code, stderr } = await certsFolder().certs('gateway', { MCP_CERT_DAYS: days })
    expect(code).toBe(78)
    expect(stderr).toBe(
      `sallyport: environment variable MCP_CERT_DAYS: expected whole days from 1 to 36500, got "${days}"; write a number like 825, or unset it\n`,
    )
  })

  it('says what is wrong with a folder that it cannot use', async () => {
    const { certs, path } = certsFolder()
    writeFileSync(path('certs'), '')
    const { code, stderr } = await certs('gateway')
    expect(code).toBe(78)
    expect(stderr).toMatch(
      /: (?:ENOTDIR|EEXIST): a part of the path is a file; name another folder with --dir\n$/,
    )
  })
})

describe('passwords', () => {
  it('encrypt a key by PBES2, from the first line of a file or from a variable', async () => {
    const { certs, read, path, cert } = certsFolder()
    writeFileSync(path('pw'), 'größer als 🙂\nsecond line\n', { mode: 0o600 })
    expect((await certs('plugin MyPlugin --password-file pw')).stderr).toBe('')
    await certs('client agent --password-env PW', { PW: 'other' })
    for (const [file, passphrase] of [
      ['plugins/MyPlugin/server', 'größer als 🙂'],
      ['clients/agent/client', 'other'],
    ]) {
      const pem = read(`certs/mcp/${file}.key`)
      expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
      const key = createPrivateKey({ key: pem, passphrase })
      expect(cert(`certs/mcp/${file}.crt`).checkPrivateKey(key)).toBe(true)
      // In what words, hangs on what the wrong key makes of the padding.
      expect(() => createPrivateKey({ key: pem, passphrase: 'wrong' })).toThrow(Error)
    }
  })

  it.skipIf(!hasTool('openssl'))('make a key that openssl opens, with 600 000 rounds', async () => {
    const { certs, path } = certsFolder()
    await certs('plugin MyPlugin --password-env PW', { PW: 'secret' })
    const key = path('certs/mcp/plugins/MyPlugin/server.key')
    const opened = await run('openssl', ['pkey', '-in', key, '-passin', 'pass:secret', '-noout'])
    expect(opened).toEqual({ exitCode: 0, output: '' })
    const { output } = await run('openssl', ['asn1parse', '-in', key])
    expect(output).toMatch(
      /PBES2[\s\S]*PBKDF2[\s\S]*INTEGER\s+:0927C0[\s\S]*hmacWithSHA256[\s\S]*aes-256-cbc/,
    )
  })

  it('protect the key of the authority, which then is needed to issue', async () => {
    const { certs, read, cert } = certsFolder()
    const PW = { PW: 'secret', WRONG: 'wrong' }
    await certs('ca --ca-password-env PW', PW)
    expect(read('certs/mcp/ca/ca.key')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    const without = await certs('gateway', PW)
    expect(without).toMatchObject({ code: 77, stdout: '' })
    expect(without.stderr).toMatch(
      /ca\.key: expected the password of this encrypted key, got none; give it with --ca-password-file FILE or --ca-password-env NAME\n$/,
    )
    const wrong = await certs('gateway --ca-password-env WRONG', PW)
    expect(wrong.code).toBe(77)
    expect(wrong.stderr).toMatch(
      /expected the password of this key, got another; give the right one/,
    )
    expect((await certs('gateway --ca-password-env PW', PW)).code).toBe(0)
    expect(cert('certs/mcp/gateway/client.crt').verify(cert(CA).publicKey)).toBe(true)
  })

  it.each([
    ['--password-file none', /--password-file none: expected a file with a password, got ENOENT/],
    [
      '--password-env NONE',
      /--password-env NONE: expected an environment variable that holds a password, got none; set it/,
    ],
    [
      '--password-env EMPTY',
      /--password-env EMPTY: expected a password of 1 to 1024 bytes, got an empty one/,
    ],
  ])('that are not there are told by where they should be: %s', async (flags, reason) => {
    const { certs, folder } = certsFolder()
    const { code, stderr } = await certs(`gateway ${flags}`, { EMPTY: '' })
    expect([code, readdirSync(folder)]).toEqual([78, []])
    expect(stderr).toMatch(reason)
  })

  it('in a file that others can read are used, with a warning', async () => {
    const { certs, path } = certsFolder()
    writeFileSync(path('pw'), 'secret\n', { mode: 0o644 })
    const { code, stderr } = await certs('gateway --password-file pw')
    expect(code).toBe(0)
    expect(stderr).toContain('warning: pw: others can read this password; run: chmod 600 pw\n')
  })

  it('are in no output, whatever goes wrong', async () => {
    const { certs } = certsFolder()
    const PW = { PW: 'hunter2-secret' }
    await certs('ca --ca-password-env PW', PW)
    await certs('gateway --ca-password-env PW --password-env PW --p12-password-env PW', PW)
    for (const line of [
      'gateway --ca-password-env X --verbose',
      'renew gateway --ca-password-env PW --password-env X --verbose',
    ]) {
      const { stdout, stderr } = await certs(line, { ...PW, X: 'hunter2-wrong' })
      expect(stderr).toMatch(/expected the password of this/)
      expect(stdout + stderr).not.toContain('hunter2')
    }
  })
})

describe('a PKCS#12 file', () => {
  const FILE = 'certs/mcp/gateway/client.p12'

  it('has certificate, chain and key, for Node', async () => {
    const { certs, path, mode } = certsFolder()
    expect((await certs('gateway --p12-password-env PW', { PW: 'pässword' })).code).toBe(0)
    expect(mode(FILE)).toBe('600')
    const pfx = readFileSync(path(FILE))
    expect(() => createSecureContext({ pfx, passphrase: 'pässword' })).not.toThrow()
    expect(() => createSecureContext({ pfx, passphrase: 'wrong' })).toThrow(/mac verify failure/)
  })

  it.skipIf(!hasTool('openssl'))('opens with openssl, under AES and SHA-256', async () => {
    const { certs, path, cert } = certsFolder()
    writeFileSync(path('pw'), 'secret', { mode: 0o600 })
    await certs('gateway --p12-password-file pw')
    const args = ['pkcs12', '-in', path(FILE), '-passin', 'pass:secret', '-nodes', '-info']
    const { exitCode, output } = await run('openssl', args)
    expect(exitCode).toBe(0)
    expect(output).toMatch(/MAC: sha256/)
    expect(output).toMatch(/PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256/)
    expect(output).toContain('friendlyName: Gateway Client Certificate')
    const pems = output.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
    const serials = pems.map((pem) => new X509Certificate(pem).serialNumber)
    expect(serials).toEqual(
      [cert('certs/mcp/gateway/client.crt'), cert(CA)].map((each) => each.serialNumber),
    )
    const [key = ''] =
      /-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----/.exec(output) ?? []
    expect(cert('certs/mcp/gateway/client.crt').checkPrivateKey(createPrivateKey(key))).toBe(true)
  })

  it('is added to a pair that is there, and not replaced', async () => {
    const { certs, path, read } = certsFolder()
    const PW = { PW: 'secret', KEY: 'key' }
    await certs('gateway --password-env KEY', PW)
    const before = read('certs/mcp/gateway/client.crt')
    const { stdout } = await certs('gateway --password-env KEY --p12-password-env PW', PW)
    expect(stdout).toContain(`   Added: ${FILE}\n`)
    expect(read('certs/mcp/gateway/client.crt')).toBe(before)
    const pfx = readFileSync(path(FILE))
    expect(() => createSecureContext({ pfx, passphrase: 'secret' })).not.toThrow()
    const again = await certs('gateway --password-env KEY --p12-password-env KEY', PW)
    expect(again.stdout).not.toContain('Added')
    expect(readFileSync(path(FILE)).equals(pfx)).toBe(true)
  })
})
