import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  describeConfig,
  formatWarning,
  readCertificateUses,
  readExternalPlugins,
} from '../../src/config/index.ts'
import { testAuthority } from '../support/pki.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { faultLines, load, loadValid, MINIMAL } from './config-file.ts'

/** What an entry needs. */
const ENTRY =
  '{name: Redact, kind: external, hooks: [tool_pre_invoke], mcp: {url: "http://[::1]:8/"}}'

/** One plugin whose keys begin in line 12 and column 5, and whose keys below `mcp` begin in line 13 and column 7. */
function withPlugin({
  keys = [],
  mcp = [],
}: {
  keys?: readonly string[]
  mcp?: readonly string[]
}) {
  const has = (name: string): boolean => keys.some((key) => key.replace('»', '').startsWith(name))
  const url = mcp.some((key) => key.replace('»', '').startsWith('url:'))
  return `${MINIMAL}plugins:
  - ${[
    ...(has('name:') ? [] : ['name: Redact']),
    ...(has('kind:') ? [] : ['kind: external']),
    ...(has('hooks:') ? [] : ['hooks: [tool_pre_invoke]']),
    ...keys,
    'mcp:',
    ...(url ? [] : ['  url: https://plugin.test/mcp']),
    ...mcp.map((key) => `  ${key}`),
  ].join('\n    ')}\n`
}

const pluginOf = (text: string, folder?: string) =>
  loadValid(text, {}, folder).options.plugins[0] ?? expect.unreachable('no plugin')
const warningsOf = (text: string): readonly string[] => loadValid(text).warnings.map(formatWarning)

/** The line and column of `»`, which is taken out. */
function placed(marked: string) {
  const lines = marked.split('\n')
  const line = lines.findIndex((each) => each.includes('»'))
  const column = (lines[line] ?? '').indexOf('»')
  return { text: marked.replace('»', ''), at: `sallyport.yaml:${line + 1}:${column + 1}` }
}

describe('a plugin', () => {
  it('is asked for the hooks that it names, with defaults for all else', () => {
    expect(loadValid(`${MINIMAL}plugins: [${ENTRY}]\n`).options.plugins).toEqual([
      {
        name: 'Redact',
        hooks: ['tool_pre_invoke'],
        mode: 'enforce',
        priority: 100,
        timeoutMs: 10_000,
        endpoint: {
          kind: 'http',
          url: 'http://[::1]:8/',
          maxConnections: 256,
          maxStreams: 100,
          maxPending: 1_024,
          connectTimeoutMs: 5_000,
          responseTimeoutMs: 10_000,
          idleTimeoutMs: 10_000,
          http2: false,
          protocol: 'auto',
        },
      },
    ])
  })

  it('may leave its hooks to what it says itself', () => {
    const entry = '{name: Redact, kind: external, mcp: {url: "http://[::1]:8/"}}'
    const { options, warnings } = loadValid(`${MINIMAL}plugins: [${entry}]\n`)
    expect(options.plugins).toEqual([expect.objectContaining({ name: 'Redact', hooks: undefined })])
    expect(warnings).toEqual([])
  })

  it.each([
    ['name: A.b_C-9', { name: 'A.b_C-9' }],
    [
      'hooks: [prompt_post_fetch, resource_pre_fetch]',
      { hooks: ['prompt_post_fetch', 'resource_pre_fetch'] },
    ],
    ['mode: permissive', { mode: 'permissive' }],
    ['mode: enforce_ignore_error', { mode: 'enforce_ignore_error' }],
    ['priority: 7', { priority: 7 }],
    [
      'timeout: 250ms',
      { timeoutMs: 250, endpoint: { responseTimeoutMs: 250, idleTimeoutMs: 250 } },
    ],
  ])('has an effect of its key %s', (key, options) => {
    expect(pluginOf(withPlugin({ keys: [key] }))).toMatchObject(options)
  })

  it.each([
    ['proto: SSE', { protocol: 'http_sse' }],
    ['proto: STREAMABLEHTTP', { protocol: 'auto' }],
    ['url: "https://a.test/x?y=1"', { url: 'https://a.test/x?y=1' }],
    ['http2: true', { http2: true }],
    ['max_connections: 3', { maxConnections: 3 }],
    ['max_pending: 0', { maxPending: 0 }],
    ['connect_timeout: 1s', { connectTimeoutMs: 1_000 }],
  ])('has an effect of its key mcp.%s', (key, endpoint) => {
    expect(pluginOf(withPlugin({ mcp: [key] })).endpoint).toMatchObject(endpoint)
  })

  it.each([
    ['name: »"two words"', [], 'plugins[0].name: expected a name of letters, digits'],
    [
      'kind: »plugins.regex.Search',
      [],
      'plugins[0].kind: expected external, got "plugins.regex.Search"; run the plugin in a server of its own',
    ],
    [
      'hooks: »[]',
      [],
      'plugins[0].hooks: expected a list with at least one hook, got an empty list; write hooks: [tool_pre_invoke], or leave the key out',
    ],
    ['hooks: [»tool_invoke]', [], 'plugins[0].hooks[0]: expected one of prompt_pre_fetch'],
    [
      'mode: »off',
      [],
      'plugins[0].mode: expected one of enforce, enforce_ignore_error, permissive, disabled',
    ],
    ['timeout: »10ms', [], 'plugins[0].timeout: expected a duration from 100ms to 10m'],
    ['priority: »-1', [], 'plugins[0].priority: expected an integer from 0'],
    [
      'priority: 1',
      ['proto: »STDIO'],
      'plugins[0].mcp.proto: expected one of STREAMABLEHTTP, SSE, got "STDIO"',
    ],
    [
      'priority: 1',
      ['url: »plugin:8000'],
      'plugins[0].mcp.url: expected an http:// or https:// URL',
    ],
    [
      'priority: 1',
      ['url: http://127.0.0.1/', 'tls: »{}'],
      'plugins[0].mcp.tls: expected tls only with https:// URLs',
    ],
    [
      'priority: 1',
      ['url: http://127.0.0.1/', 'http2: »true'],
      'plugins[0].mcp.http2: expected HTTP/2 only with https:// URLs',
    ],
    [
      'priority: 1',
      ['url: »http://10.0.0.9:8000/mcp'],
      'plugins[0].mcp.url: expected https:// to another machine, got "http://10.0.0.9:8000"; use https://, or set allow_cleartext: true beside it',
    ],
    ['»conditions: []', [], 'plugins[0].conditions: expected a key that exists here'],
  ] as const)('has a fault: %s %s', (key, mcp, message) => {
    const { text, at } = placed(withPlugin({ keys: [key], mcp }))
    const lines = faultLines(text)
    expect(lines).toEqual([expect.stringContaining(`${at}: ${message}`)])
  })

  it('has a name of its own', () => {
    expect(faultLines(`${MINIMAL}plugins: [${ENTRY}, ${ENTRY}]\n`)).toEqual([
      expect.stringContaining(
        'plugins[1].name: expected a name of its own, got "Redact", which plugins[0] has; rename one of the two',
      ),
    ])
  })

  it('may be on another machine in plain HTTP where that is allowed, with a warning', () => {
    const mcp = ['url: http://10.0.0.9:8000/mcp', 'allow_cleartext: true']
    expect(warningsOf(withPlugin({ mcp }))).toEqual([
      expect.stringContaining(
        'plugins[0].mcp.url: allow_cleartext: calls to 10.0.0.9:8000 travel unencrypted',
      ),
    ])
  })
})

describe('plugins of a route', () => {
  const PLUGINS = `plugins:
  - ${ENTRY}
  - ${ENTRY.replace('Redact', 'Log')}
  - ${ENTRY.replace('Redact', 'Off').replace('kind:', 'mode: disabled, kind:')}
`
  const route = (plugins: string): string =>
    MINIMAL.replace('servers: [weather]}', `servers: [weather]${plugins}}`) + PLUGINS
  const asked = (text: string) => loadValid(text).options.routes.map(({ plugins }) => plugins)

  it('are all that are not disabled when the key is left out', () => {
    expect(asked(route(''))).toEqual([
      ['Redact', 'Log'],
      ['Redact', 'Log'],
    ])
  })

  it.each([
    ['[]', []],
    ['[Log]', ['Log']],
    ['[Log, Off, Redact]', ['Redact', 'Log']],
  ])('are those that it names: %s', (written, names) => {
    expect(asked(route(`, plugins: ${written}`))[0]).toEqual(names)
  })

  it.each([
    [
      '[»Redcat]',
      'plugins[0]: expected the name of a plugin under plugins, got "Redcat"; did you mean "Redact"?',
    ],
    [
      '[»Unheard]',
      'plugins[0]: expected the name of a plugin under plugins, got "Unheard"; add the plugin',
    ],
    [
      '[Log, »Log]',
      'plugins[1]: expected every plugin once, got "Log", which plugins[0] is; remove it',
    ],
  ])('have a fault: %s', (written, message) => {
    const { text, at } = placed(route(`, plugins: ${written}`))
    expect(faultLines(text)).toEqual([`${at}: routes[0].${message}`])
  })

  it('leave a remark on a plugin that none of them asks', () => {
    const text = route(', plugins: [Log]').replace(
      'servers: [files]',
      'servers: [files], plugins: []',
    )
    expect(warningsOf(text)).toEqual(['sallyport.yaml:14:5: plugins[0]: no route asks this plugin'])
  })
})

describe('TLS to a plugin', () => {
  it('is written in the keys of servers or in the names of the plugin files of another gateway', () => {
    const folder = temporaryFolder()
    const authority = testAuthority('CA', folder)
    const leaf = authority.issue({ purpose: 'clientAuth' })
    const keyFile = leaf.encryptedKey('a password')
    const [cert, ca] = [leaf.certFile, authority.certFile]
    const tls = (...keys: readonly string[]) =>
      pluginOf(withPlugin({ mcp: [`tls: {${keys.join(', ')}}`] })).endpoint.tls
    const own = tls(
      `cert_file: ${cert}`,
      `key_file: ${keyFile}`,
      'key_password: a password',
      `ca_cert: ${ca}`,
      'check_hostname: false',
    )
    expect(own).toMatchObject({
      caFile: ca,
      systemRoots: false,
      checkHostname: false,
      insecureSkipVerify: false,
      credential: { kind: 'pem', certFile: cert, keyFile, keyPassword: 'a password' },
    })
    const others = [
      `certfile: ${cert}`,
      `keyfile: ${keyFile}`,
      'keyfile_password: a password',
      `ca_bundle: ${ca}`,
      'check_hostname: false',
    ]
    expect(tls(...others)).toEqual(own)
    expect(tls(...others, 'verify: true')).toEqual(own)
    expect(tls('verify: false')).toEqual(tls('insecure_skip_verify: true'))
    expect(tls('verify: false')?.insecureSkipVerify).toBe(true)
  })

  it('takes its files from the folder of the config file', () => {
    const folder = temporaryFolder()
    const authority = testAuthority()
    const leaf = authority.issue({ purpose: 'clientAuth' })
    for (const [file, name] of [
      [leaf.certFile, 'a.crt'],
      [leaf.keyFile, 'a.key'],
      [authority.certFile, 'ca.crt'],
    ] as const) {
      copyFileSync(file, join(folder, name))
    }
    const text = withPlugin({ mcp: ['tls: {certfile: a.crt, keyfile: a.key, ca_bundle: ca.crt}'] })
    expect(pluginOf(text, folder).endpoint.tls).toMatchObject({
      caFile: join(folder, 'ca.crt'),
      credential: { certFile: join(folder, 'a.crt'), keyFile: join(folder, 'a.key') },
    })
  })

  it('has an effect of every key of servers', () => {
    const keysOf = (prefix: string) =>
      describeConfig().flatMap(({ path }) =>
        path.startsWith(prefix) ? path.slice(prefix.length) : [],
      )
    const servers = keysOf('servers.<name>.tls.')
    const five = ['certfile', 'keyfile', 'keyfile_password', 'ca_bundle', 'verify']
    expect(keysOf('plugins[].mcp.tls.')).toEqual([...servers, ...five])
    // What each does, is in upstream-tls.test.ts: it is the same schema, which the same function turns into options.
    const tls = [
      'server_name: a.test',
      'min_version: "1.3"',
      `pinned_certificates: ["sha256:${'ab'.repeat(32)}"]`,
    ]
    const [server] = loadValid(
      MINIMAL.replace('http://127.0.0.1:5051/mcp', 'https://w.test/').replace(
        'weather:\n',
        `weather:\n    tls: {${tls.join(', ')}}\n`,
      ),
    ).options.servers
    const [ofServer] = server?.endpoints ?? []
    const ofPlugin = pluginOf(withPlugin({ mcp: [`tls: {${tls.join(', ')}}`] })).endpoint
    expect(ofPlugin.tls).toBeDefined()
    expect(ofServer).toMatchObject({ tls: ofPlugin.tls })
  })

  it.each([
    [
      '{cert_file: a, »certfile: a}',
      'certfile: expected either cert_file or certfile, got both; remove one of the two',
    ],
    [
      '{key_password: a, »keyfile_password: hunter2}',
      'keyfile_password: expected either key_password or keyfile_password',
    ],
    ['{ca_cert: a, »ca_bundle: a}', 'ca_bundle: expected either ca_cert or ca_bundle'],
    [
      '{insecure_skip_verify: false, »verify: true}',
      'verify: expected either insecure_skip_verify or verify',
    ],
    [
      '{certfile: »missing.crt}',
      'certfile: expected key_file beside it, got none; add key_file, or remove certfile',
    ],
    ['{keyfile_password: »hunter2}', 'keyfile_password: expected key_file beside it'],
    [
      '{verify: »false, ca_bundle: ca.crt}',
      'verify: expected true together with ca_bundle, got false, which verifies nothing, ca_bundle included; remove verify, or ca_bundle',
    ],
    [
      '{certfile: »missing.crt, keyfile: missing.key}',
      'certfile: expected a PEM file with a certificate, got no file at',
    ],
    [
      '{ca_bundle: »missing.crt}',
      'ca_bundle: expected a PEM file with certificates, got no file at',
    ],
    ['{ca_cert: »missing.crt}', 'ca_cert: expected a PEM file with certificates, got no file at'],
    [
      '{»ssl_keyfile: a.key}',
      'ssl_keyfile: expected a key that exists here, got the unknown key "ssl_keyfile"; did you mean "key_file"?',
    ],
  ])('has a fault: %s', (written, message) => {
    const { text, at } = placed(withPlugin({ mcp: [`tls: ${written}`] }))
    const lines = faultLines(text)
    expect(lines.join('\n')).not.toContain('hunter2')
    const value = at.replace(/\d+$/, '')
    expect(lines[0]).toContain(`plugins[0].mcp.tls.${message}`)
    expect(lines[0]?.startsWith(value)).toBe(true)
  })

  it('stops the start for a client certificate that is for servers', () => {
    const authority = testAuthority()
    const leaf = authority.issue({ purpose: 'serverAuth' })
    const tls = `tls: {certfile: ${leaf.certFile}, keyfile: ${leaf.keyFile}}`
    expect(faultLines(withPlugin({ mcp: [tls] }))).toEqual([
      expect.stringMatching(/plugins\[0\]\.mcp\.tls\.certfile: expected .*client/),
    ])
  })

  it('is not looked at in a plugin that is disabled', () => {
    const mcp = ['tls: {certfile: missing.crt, keyfile: missing.key}']
    expect(load(withPlugin({ mcp })).ok).toBe(false)
    expect(load(withPlugin({ keys: ['mode: disabled'], mcp })).ok).toBe(true)
  })

  it('is warned of where it verifies nothing', () => {
    expect(warningsOf(withPlugin({ mcp: ['tls: {verify: false}'] }))).toEqual([
      expect.stringMatching(
        /plugins\[0\]\.mcp\.tls\.verify: insecure_skip_verify: the certificate of the endpoint is not verified/,
      ),
    ])
  })
})

describe('a PLUGINS_CLIENT_MTLS_ variable', () => {
  const two = (tls: string) => `${MINIMAL}plugins:
  - {name: A, kind: external, hooks: [tool_pre_invoke], mcp: {url: "https://a.test/"${tls}}}
  - {name: B, kind: external, hooks: [tool_pre_invoke], mcp: {url: "https://b.test/"}}
  - {name: C, kind: external, hooks: [tool_pre_invoke], mcp: {url: "http://127.0.0.1:1/"}}
`
  const tlsWith = (env: Record<string, string>, tls = '') =>
    loadValid(two(tls), env).options.plugins.map(({ endpoint }) => endpoint.tls)

  it('sets a key of every plugin with an https:// URL, over what the file says', () => {
    const authority = testAuthority()
    const leaf = authority.issue({ purpose: 'clientAuth' })
    const keyFile = leaf.encryptedKey('a password')
    const env = {
      PLUGINS_CLIENT_MTLS_CERTFILE: leaf.certFile,
      PLUGINS_CLIENT_MTLS_KEYFILE: keyFile,
      PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD: 'a password',
      PLUGINS_CLIENT_MTLS_CA_BUNDLE: authority.certFile,
      PLUGINS_CLIENT_MTLS_VERIFY: 'True',
      PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: 'false',
    }
    const [a, b, c] = tlsWith(
      env,
      ', tls: {cert_file: other.crt, keyfile: other.key, insecure_skip_verify: true, check_hostname: true}',
    )
    expect(a).toMatchObject({
      caFile: authority.certFile,
      checkHostname: false,
      insecureSkipVerify: false,
      credential: { certFile: leaf.certFile, keyFile, keyPassword: 'a password' },
    })
    expect(b).toEqual(a)
    expect(c).toBeUndefined()
  })

  it('leaves what it does not set', () => {
    const [a, b] = tlsWith({ PLUGINS_CLIENT_MTLS_VERIFY: '0' }, ', tls: {server_name: x.test}')
    expect(a).toMatchObject({ serverName: 'x.test', insecureSkipVerify: true })
    expect(b).toMatchObject({ serverName: undefined, insecureSkipVerify: true })
    expect(tlsWith({ PLUGINS_CLIENT_MTLS_VERIFY: '' })[1]).toBeUndefined()
  })

  it('is named in faults', () => {
    const env = {
      PLUGINS_CLIENT_MTLS_CERTFILE: 'missing.crt',
      PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: 'perhaps',
    }
    expect(faultLines(two(''), env)).toEqual([
      'environment variable PLUGINS_CLIENT_MTLS_CERTFILE: plugins[0].mcp.tls.certfile: expected key_file beside it, got none; add key_file, or remove certfile',
      'environment variable PLUGINS_CLIENT_MTLS_CERTFILE: plugins[1].mcp.tls.certfile: expected key_file beside it, got none; add key_file, or remove certfile',
      'environment variable PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME: expected true or false, got "perhaps"; write one of the two, or unset it',
    ])
  })
})

describe('what the commands of certificates read', () => {
  it('has the files of plugins, by whatever name', () => {
    const folder = temporaryFolder()
    const text = withPlugin({
      mcp: ['tls: {certfile: a.crt, keyfile: a.key, keyfile_password: p, ca_bundle: ca.crt}'],
    })
    load(text, {}, folder)
    const file = join(folder, 'sallyport.yaml')
    const path = 'plugins[0].mcp.tls'
    expect(readCertificateUses({ file, env: {} })).toEqual({
      ok: true,
      files: [
        { path: `${path}.certfile`, file: join(folder, 'a.crt'), password: undefined },
        { path: `${path}.ca_bundle`, file: join(folder, 'ca.crt'), password: undefined },
      ],
      plugins: ['Redact'],
      pairs: [
        {
          path,
          purpose: 'client',
          certFile: join(folder, 'a.crt'),
          keyFile: join(folder, 'a.key'),
          keyPassword: 'p',
          hosts: undefined,
        },
      ],
      authorities: [
        { path: `${path}.ca_bundle`, file: join(folder, 'ca.crt'), password: undefined },
      ],
    })
    expect(readExternalPlugins(file, {})).toEqual({ ok: true, names: ['Redact'] })
  })
})
