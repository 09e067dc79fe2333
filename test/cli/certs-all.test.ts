import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { certsFolder } from './certs-run.ts'

const PLUGINS = `
plugins:
  - name: "MyPlugin"
    kind: "external"
    mcp: {proto: STREAMABLEHTTP, url: http://127.0.0.1:8000/mcp}
  - name: "AnotherPlugin"
    kind: "external"
  - name: "Built in"
    kind: "plugins.regex_filter.SearchReplacePlugin"
`

describe('certs all with a list of plugins', () => {
  it('makes the authority, the gateway and every external plugin of the usual file', async () => {
    const { certs, path } = certsFolder()
    mkdirSync(path('plugins/external'), { recursive: true })
    writeFileSync(path('plugins/external/config.yaml'), PLUGINS)
    const { code, stderr, stdout } = await certs('all')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.match(/^\S.*:$/gm)).toEqual([
      'CA Certificate:',
      'Gateway Client Certificate:',
      'Plugin MyPlugin:',
      'Plugin AnotherPlugin:',
    ])
    expect(readdirSync(path('certs/mcp')).toSorted()).toEqual(['ca', 'gateway', 'plugins'])
    expect(readdirSync(path('certs/mcp/plugins'))).toEqual(['AnotherPlugin', 'MyPlugin'])
  })

  it('takes the file that MCP_PLUGIN_CONFIG names, and --plugin-config before that', async () => {
    const { certs, path } = certsFolder()
    writeFileSync(path('a.yaml'), 'plugins: [{name: a, kind: external}]')
    writeFileSync(path('b.yaml'), 'plugins: [{name: b, kind: external}]')
    await certs('all', { MCP_PLUGIN_CONFIG: 'a.yaml' })
    expect(readdirSync(path('certs/mcp/plugins'))).toEqual(['a'])
    await certs('all --plugin-config b.yaml', { MCP_PLUGIN_CONFIG: 'a.yaml' })
    expect(readdirSync(path('certs/mcp/plugins'))).toEqual(['a', 'b'])
  })

  it('makes what is missing and leaves the rest as it is', async () => {
    const { certs, path, read } = certsFolder()
    writeFileSync(path('a.yaml'), PLUGINS)
    await certs('plugin MyPlugin --san kept.example')
    const before = read('certs/mcp/plugins/MyPlugin/server.crt')
    const { stdout } = await certs('all --plugin-config a.yaml --days 30')
    expect(read('certs/mcp/plugins/MyPlugin/server.crt')).toBe(before)
    expect(stdout).toMatch(/Plugin MyPlugin:\n {3}Exists:/)
    expect(stdout).toMatch(/Plugin AnotherPlugin:\n {3}Written:/)
  })

  it('makes two examples when there is neither a list nor a configuration', async () => {
    const { certs, path } = certsFolder()
    const { code, stderr } = await certs('all')
    expect(code).toBe(0)
    expect(stderr).toBe(
      'plugins/external/config.yaml: no such file; making certificates for example-plugin-a and example-plugin-b as examples\n',
    )
    expect(readdirSync(path('certs/mcp/plugins'))).toEqual(['example-plugin-a', 'example-plugin-b'])
  })

  it.each([
    [
      '',
      'plugins: none',
      /: plugins: expected a list of plugins, got something else; write: plugins:/,
    ],
    ['', 'other: 1', /expected a list of plugins, got none/],
    [
      '',
      'plugins: [{kind: external}]',
      /expected a name for every external plugin, got none for the 1\. of them/,
    ],
    ['', 'plugins: [', /list\.yaml:1:\d+: expected valid YAML/],
    [
      '',
      'plugins: [{name: ../evil, kind: external}]',
      /expected .*got "\.\.\/evil"; it names a folder/,
    ],
  ])('says what is wrong with a list, and makes nothing: %s%s', async (_, text, reason) => {
    const { certs, path, folder } = certsFolder()
    writeFileSync(path('list.yaml'), text)
    const { code, stderr } = await certs('all --plugin-config list.yaml')
    expect(code).toBe(text.includes('evil') ? 2 : 78)
    expect(stderr).toMatch(reason)
    expect(readdirSync(folder)).toEqual(['list.yaml'])
  })

  it('does not take a wrong path for no list', async () => {
    const { certs, folder } = certsFolder()
    const { code, stderr } = await certs('all', { MCP_PLUGIN_CONFIG: 'wrong.yaml' })
    expect(code).toBe(78)
    expect(stderr).toMatch(
      /^wrong\.yaml: expected a plugin configuration, got no file at .*--plugin-config FILE\n/,
    )
    expect(readdirSync(folder)).toEqual([])
  })
})

const CONFIG = `
listeners:
  - listen: "127.0.0.1:8443"
    allowed_hosts: [mcp.example.com]
    tls: {cert_file: tls/front.crt, key_file: tls/front.key, client_ca_file: tls/clients.crt}
  - listen: ":8444"
    tls: {cert_file: tls/other.crt, key_file: tls/other.key}
servers:
  weather:
    endpoints: [{url: "https://localhost:8000/mcp"}]
    tls: {cert_file: tls/client.crt, key_file: tls/client.key, key_password: "\${KEY_PASSWORD}", ca_cert: tls/servers.crt}
routes: [{path: /mcp, servers: [weather]}]
`

describe('certs all with a configuration', () => {
  const env = { KEY_PASSWORD: 'secret' }

  it('makes the files that it names, with the names that clients use', async () => {
    const { certs, path, cert, read, mode } = certsFolder()
    writeFileSync(path('sallyport.yaml'), CONFIG)
    const { code, stderr, stdout } = await certs('all', env)
    expect([code, stderr]).toEqual([0, ''])
    const front = cert('tls/front.crt')
    expect(front.subjectAltName).toBe(
      'DNS:mcp.example.com, IP Address:127.0.0.1, DNS:localhost, IP Address:0:0:0:0:0:0:0:1',
    )
    expect(front.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(cert('tls/client.crt').keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(read('tls/client.key')).toMatch(/^-----BEGIN ENCRYPTED/)
    expect(mode('tls/front.key')).toBe('600')
    for (const file of ['tls/clients.crt', 'tls/servers.crt']) {
      expect(read(file)).toBe(read('certs/mcp/ca/ca.crt'))
    }
    expect(
      cert('tls/other.crt').verify(new X509Certificate(read('tls/clients.crt')).publicKey),
    ).toBe(true)
    expect(stdout).toMatch(/^listeners\[0\]\.tls:\n {3}Written: .*front\.crt/m)
    expect(readdirSync(path('certs/mcp')).toSorted()).toEqual(['ca', 'gateway'])
  })

  it('leaves files alone that are there, and says which half is missing', async () => {
    const { certs, path, read } = certsFolder()
    writeFileSync(path('own.yaml'), CONFIG)
    mkdirSync(path('tls'))
    writeFileSync(path('tls/clients.crt'), 'mine')
    await certs('all -c own.yaml', env)
    const before = read('tls/front.crt')
    await certs('all -c own.yaml', env)
    expect([read('tls/clients.crt'), read('tls/front.crt')]).toEqual(['mine', before])
    rmSync(path('tls/other.key'))
    const { code, stderr } = await certs('all -c own.yaml', env)
    expect(code).toBe(78)
    expect(stderr).toMatch(/other\.key: expected the other half of .*other\.crt, got no such file/)
  })

  it('takes variables over keys, and tells the faults of the file', async () => {
    const { certs, path, cert } = certsFolder()
    writeFileSync(path('own.yaml'), CONFIG)
    const moved = { SALLYPORT__LISTENERS__0__TLS__CERT_FILE: 'moved.crt' }
    await certs('all -c own.yaml', { ...env, ...moved })
    expect(cert('moved.crt').subjectAltName).toContain('DNS:mcp.example.com')
    const unset = await certs('all -c own.yaml')
    expect(unset.code).toBe(78)
    expect(unset.stderr).toMatch(
      /own\.yaml:\d+:\d+: .*expected the environment variable KEY_PASSWORD to be set/,
    )
    const missing = await certs('all -c none.yaml')
    expect(missing.stderr).toMatch(/^none\.yaml: expected a configuration file, got no file at/)
  })

  it('leaves a certificate that SNI chooses to who knows its names', async () => {
    const { certs, path } = certsFolder()
    const more = 'certificates: [{cert_file: b.crt, key_file: b.key}]'
    writeFileSync(path('sallyport.yaml'), CONFIG.replace('client_ca_file: tls/clients.crt', more))
    const { code, stderr } = await certs('all', env)
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^warning: listeners\[0\]\.tls\.certificates\[0\]: not made, as the configuration does not say its names/,
    )
  })

  it('has every key encrypted with --password-env, but for the one with a password of its own', async () => {
    const { certs, path, read } = certsFolder()
    writeFileSync(path('sallyport.yaml'), CONFIG)
    await certs('all --password-env PW --key-type rsa-2048', { ...env, PW: 'pw' })
    const open = (file: string, passphrase: string) =>
      createPrivateKey({ key: read(file), passphrase }).asymmetricKeyType
    expect(open('certs/mcp/gateway/client.key', 'pw')).toBe('rsa')
    expect(open('tls/front.key', 'pw')).toBe('rsa')
    expect(open('tls/client.key', 'secret')).toBe('rsa')
  })
})
