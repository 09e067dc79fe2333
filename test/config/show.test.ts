import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { describeConfig, showConfig } from '../../src/config/index.ts'
import { changed, faultsOf, loadValid, makePair, MINIMAL, tempFolder } from './config-file.ts'

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2'

describe('the shown configuration', () => {
  it('has every default filled in, as it would be written', () => {
    const shown = parse(showConfig(loadValid(MINIMAL).document)) as Record<string, unknown>
    expect(shown['limits']).toMatchObject({ header_timeout: '10s', max_body_bytes: '4MiB' })
    expect(shown['state_dir']).toBe('/home/user/.local/state/sallyport')
    expect(shown['listeners']).toEqual([
      {
        listen: '127.0.0.1:8443',
        http2: false,
        allowed_hosts: [],
        allowed_origins: [],
        security_headers: {
          hsts: { enabled: false, max_age: '365d', include_subdomains: false, preload: false },
          content_security_policy: 'none',
          x_frame_options: 'none',
          x_content_type_options: 'nosniff',
          referrer_policy: 'none',
          permissions_policy: 'none',
        },
      },
    ])
    const servers = shown['servers'] as Record<string, object>
    expect(servers['weather']).not.toHaveProperty('stdio')
    expect(servers['files']).toHaveProperty('stdio.max_children', 64)
    expect(servers['files']).not.toHaveProperty('max_connections')
  })

  it('can be loaded again and means the same', () => {
    const folder = tempFolder()
    makePair(folder, 'a')
    const text = `${MINIMAL.replace('8443\n', '8443\n    tls: {cert_file: a.crt, key_file: a.key}\n')}state_dir: "/var/$\${X}"\nadmin: {listen: "[::1]:1"}\n`
    const first = loadValid(text, {}, folder)
    const second = loadValid(showConfig(first.document), {}, folder)
    expect(second.options).toEqual(first.options)
    expect(second.options.stateDir).toBe('/var/${X}')
  })

  it('hides every value that is not declared to be shown', () => {
    const text = MINIMAL.replace('5051/mcp', `5051/mcp?key=${SECRET}`)
      .replace(
        '- command: npx',
        `- {command: npx, args: [--token, ${SECRET}], env: {TOKEN: ${SECRET}}}`,
      )
      .concat(`sessions: {keys: [${SECRET}]}\n`)
    const { document, options } = loadValid(text)
    expect(JSON.stringify(options).split('hunter2-hunter2-hunter2-hunter2-hunter2')).toHaveLength(5)
    const shown = showConfig(document)
    expect(shown).not.toContain('hunter2')
    expect(parse(shown)).toMatchObject({
      servers: {
        weather: { endpoints: [{ url: 'http://127.0.0.1:5051/mcp?***' }] },
        files: { endpoints: [{ command: 'npx', args: ['***', '***'], env: { TOKEN: '***' } }] },
      },
      sessions: { keys: ['***'] },
    })
  })

  it('shows of the keys with a value exactly those on the list', () => {
    const hidden = describeConfig()
      .filter(({ shown }) => !shown)
      .map(({ path }) => path)
    const all = describeConfig().map(({ path }) => path)
    const isSection = (path: string) =>
      all.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[].`))
    expect(hidden.filter((path) => !isSection(path))).toEqual([
      'listeners[].tls.key_password',
      'listeners[].tls.key_identifier',
      'listeners[].tls.password',
      'listeners[].tls.certificates[].key_password',
      'listeners[].tls.certificates[].key_identifier',
      'listeners[].tls.certificates[].password',
      'servers.<name>.endpoints[].tls.key_password',
      'servers.<name>.endpoints[].tls.key_identifier',
      'servers.<name>.endpoints[].tls.password',
      'servers.<name>.tls.key_password',
      'servers.<name>.tls.key_identifier',
      'servers.<name>.tls.password',
      'servers.<name>.endpoints[].args',
      'servers.<name>.endpoints[].env',
      'plugins[].mcp.tls.key_password',
      'plugins[].mcp.tls.key_identifier',
      'plugins[].mcp.tls.password',
      'plugins[].mcp.tls.keyfile_password',
      'sessions.keys',
    ])
  })
})

describe('a fault', () => {
  it.each([
    ['{command: npx, env: {"TOKEN=hunter2"}}', 'servers.files.endpoints[0].env["TOKEN…"]'],
    ['{command: npx, env: {TOKEN: [hunter2]}}', 'servers.files.endpoints[0].env.TOKEN'],
    ['{command: npx, env: ["TOKEN=hunter2"]}', 'servers.files.endpoints[0].env'],
    ['{command: npx, args: --token=hunter2}', 'servers.files.endpoints[0].args'],
    ['{command: npx, args: [{token: hunter2}]}', 'servers.files.endpoints[0].args[0]'],
    ['{command: npx, "TOKEN=hunter2": x}', 'servers.files.endpoints[0]["TOKEN…"]'],
  ])('never has a value that is not shown: %s', (endpoint, path) => {
    const faults = faultsOf(changed('- command: npx', `- ${endpoint}`))
    expect(faults.map((fault) => fault.path)).toEqual([path])
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })
})
