// What the page about TLS says of those who are refused: each sentence that it shows is one that the gateway says, and each
// cell about clients is a handshake.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, startCli } from '../cli/run-cli.ts'
import { call } from '../cli/run-example.ts'
import { type TestAuthority, testAuthority, type TestLeaf } from '../support/pki.ts'
import { hasTool, run } from '../support/programs.ts'
import { sharedFolder } from '../support/shared-folder.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startTlsServer } from '../upstream/tls-server.ts'
import { quoted, table } from './tls-page.ts'

describe('what stops a start', () => {
  const folder = sharedFolder()
  const at = (name: string): string => join(folder, name)
  const made: { ca?: TestAuthority; good?: TestLeaf } = {}

  /** The keys of `tls` that bring it about, of a listener or with `server:` of a server; files are made on the way. */
  function causes(): Readonly<Record<string, () => string>> {
    const { ca, good } = prepare()
    const put = (name: string, { certFile, keyFile }: Pick<TestLeaf, 'certFile' | 'keyFile'>) => {
      cpSync(certFile, at(`${name}.crt`))
      cpSync(keyFile, at(`${name}.key`))
      return `cert_file: ${name}.crt, key_file: ${name}.key`
    }
    const verify = `${put('good', good)}, client_auth: verify`
    const below = (): TestAuthority => ca.intermediate('Intermediate')
    return {
      'no such file': () => 'cert_file: none.crt, key_file: good.key',
      'DER where PEM belongs': () => {
        const args = ['x509', '-in', at('good.crt'), '-outform', 'der', '-out', at('der.crt')]
        execFileSync('openssl', args)
        return 'cert_file: der.crt, key_file: good.key'
      },
      'key and certificate swapped': () => 'cert_file: good.key, key_file: good.crt',
      'a key of another certificate': () =>
        `${put('other', ca.issue())}, `.replace('other', 'good'),
      'an encrypted key without password': () => {
        cpSync(good.encryptedKey('right'), at('encrypted.key'))
        return 'cert_file: good.crt, key_file: encrypted.key'
      },
      'a wrong password': () => {
        cpSync(good.pfx('right'), at('good.pfx'))
        return 'pfx_file: good.pfx, password: wrong'
      },
      'a key that everybody can read': () => {
        cpSync(good.keyFile, at('open.key'))
        chmodSync(at('open.key'), 0o644)
        return 'cert_file: good.crt, key_file: open.key'
      },
      expired: () => put('expired', ca.issue({ fromDay: -3, toDay: -1 })),
      'not valid yet': () => put('early', ca.issue({ fromDay: 2 })),
      'for clients only': () => put('client', ca.issue({ purpose: 'clientAuth' })),
      'without its intermediate': () => {
        const extensions = ['authorityInfoAccess=caIssuers;URI:http://ca.example.com/ca.crt']
        return put('alone', ca.issue({ extensions }))
      },
      'a chain of other certificates': () => {
        const leaf = below().issue()
        const keys = put('broken', leaf)
        writeFileSync(at('broken.crt'), leaf.cert + testAuthority('Other').cert)
        return keys
      },
      'an authority without its root': () => {
        cpSync(below().certFile, at('intermediate.crt'))
        return `${verify}, client_ca_file: intermediate.crt`
      },
      'a revocation list that is over': () => {
        cpSync(ca.crl(-1), at('old.crl'))
        return `${verify}, client_ca_file: ca.crt, crl_file: old.crl`
      },
      'an authority without a list': () => {
        cpSync(testAuthority('Other').crl(), at('other.crl'))
        return `${verify}, client_ca_file: ca.crt, crl_file: other.crl`
      },
      'no suite for the key': () =>
        'cert_file: good.crt, key_file: good.key, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]',
      '`verify` without authorities': () => verify,
      'pins that verify nothing': () =>
        `server: insecure_skip_verify: true, pinned_certificates: [${'A1'.repeat(20)}]`,
    }
  }

  function prepare(): Required<typeof made> {
    const { ca = testAuthority('Example CA', mkdirAt('ca')), good = ca.issue() } = made
    Object.assign(made, { ca, good })
    cpSync(ca.certFile, at('ca.crt'))
    return { ca, good }
  }

  function mkdirAt(name: string): string {
    mkdirSync(at(name))
    return at(name)
  }

  function configOf(keys: string): string {
    const server = keys.startsWith('server: ')
    const tls = (own: boolean): string => (own ? `, tls: {${keys.replace('server: ', '')}}` : '')
    return `listeners: [{listen: "127.0.0.1:0"${tls(!server)}}]
servers: {one: {endpoints: [{url: "https://127.0.0.1:1/mcp"}]${tls(server)}}}
routes: [{path: /mcp, servers: [one]}]
state_dir: state
`
  }

  it.each(table('wrong').map(([wrong = '', sentence = '']) => ({ wrong, sentence })))(
    '$wrong',
    async ({ wrong, sentence }) => {
      const cause = causes()[wrong]
      if (cause === undefined) throw new Error('no test for this row')
      writeFileSync(at('sallyport.yaml'), configOf(cause()))
      const asked = ['check', 'serve'].map((command) => runCli([command], { cwd: folder }))
      for (const { code, stderr } of await Promise.all(asked)) {
        expect(stderr).toMatch(quoted(sentence))
        expect(code).toBe(78)
      }
    },
  )
})

/** What a cell of the table says of the client in the log. */
const STATES: Readonly<Record<string, string>> = {
  in: 'nobody',
  'not asked': 'nobody',
  'in, not verified': 'claimed',
  'in, verified': 'verified',
}

function stateOf(peer: string | undefined): string {
  if (peer === undefined) return 'nobody'
  return peer.startsWith('not verified: ') ? 'claimed' : 'verified'
}

describe('the mode of client_auth', () => {
  it('admits whom the table says', { timeout: 30_000 }, async () => {
    const [ca, clients] = [testAuthority(), testAuthority('Clients')]
    const folder = temporaryFolder()
    const server = ca.issue()
    cpSync(server.certFile, join(folder, 'server.crt'))
    cpSync(server.keyFile, join(folder, 'server.key'))
    cpSync(clients.certFile, join(folder, 'clients.crt'))
    const purpose = 'clientAuth'
    const revoked = clients.issue({ purpose })
    clients.revoke(revoked)
    cpSync(clients.crl(), join(folder, 'clients.crl'))
    const bad = [clients.issue({ purpose, fromDay: -3, toDay: -1 }), revoked, clients.issue()]
    const kinds: readonly (readonly (TestLeaf | undefined)[])[] = [
      [undefined],
      [testAuthority('Unknown').issue({ purpose })],
      bad,
      [clients.issue({ purpose })],
    ]
    const rows = table('`client_auth`')
    const modes = rows.map(([mode = '']) => mode.replaceAll('`', ''))
    expect(modes).toEqual(['none', 'request', 'require', 'verify'])
    const listeners = modes.map((mode) => {
      const isVerifying = mode === 'request' || mode === 'verify'
      const trust = isVerifying ? 'client_ca_file: clients.crt, crl_file: clients.crl, ' : ''
      return `{listen: "127.0.0.1:0", tls: {cert_file: server.crt, key_file: server.key, ${trust}client_auth: ${mode}}}`
    })
    const config = `listeners: [${listeners.join(', ')}]
servers: {one: {endpoints: [{url: "http://127.0.0.1:1/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
log: {access: true}
state_dir: state
`
    writeFileSync(join(folder, 'sallyport.yaml'), config)
    const { line } = startCli(['serve'], { cwd: folder })
    const [text] = await line(/(?:^listening on \S+\n){4}/m)
    const urls = [...text.matchAll(/on (\S+)/g)].map(([, url = '']) => url)
    for (const [row, [mode = '', ...cells]] of rows.entries()) {
      for (const [column, cell] of cells.entries()) {
        for (const [index, leaf] of (kinds[column] ?? []).entries()) {
          const path = `/${row}/${column}/${index}`
          const own = leaf && { cert: leaf.cert, key: leaf.key }
          const answer = await call(`${urls[row]}${path}`, { ca: ca.cert, ...own }).then(
            // There is no such route, as only those are told who are in.
            ({ status }) => (status === 404 ? 'in' : status),
            () => 'out',
          )
          const expected = cell === 'out' ? 'out' : 'in'
          expect([mode, column, index, answer]).toEqual([mode, column, index, expected])
          if (expected === 'out') continue
          const [logged] = await line(new RegExp(`.*"path":"${path}".*`))
          const { peer } = JSON.parse(logged) as { peer?: string }
          expect([mode, column, index, stateOf(peer)]).toEqual([mode, column, index, STATES[cell]])
        }
      }
    }
  })
})

describe.skipIf(!hasTool('curl') || !hasTool('openssl'))('a handshake that fails', () => {
  it('is told of clients in the words of the page', async () => {
    const [ca, clients] = [testAuthority(), testAuthority('Clients')]
    const folder = temporaryFolder()
    const server = ca.issue()
    const stranger = testAuthority('Unknown').issue({ purpose: 'clientAuth' })
    cpSync(server.certFile, join(folder, 'server.crt'))
    cpSync(server.keyFile, join(folder, 'server.key'))
    cpSync(clients.certFile, join(folder, 'clients.crt'))
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `listeners:
  - listen: "127.0.0.1:0"
    tls: {cert_file: server.crt, key_file: server.key, client_auth: verify, client_ca_file: clients.crt}
servers: {one: {endpoints: [{url: "http://127.0.0.1:1/mcp"}]}}
routes: [{path: /mcp, servers: [one]}]
state_dir: state
`,
    )
    const { line } = startCli(['serve'], { cwd: folder })
    const [, host = ''] = await line(/^listening on https:\/\/(\S+)$/m)
    const trust = ['--cacert', ca.certFile]
    const visits: readonly (readonly string[])[] = [
      [`https://${host}/`],
      [...trust, `https://${host}/`],
      [...trust, '--cert', stranger.certFile, '--key', stranger.keyFile, `https://${host}/`],
      [...trust, '--tls-max', '1.1', '--ciphers', 'ALL:@SECLEVEL=0', `https://${host}/`],
      [`http://${host}/`],
    ]
    const rows = table('`TLS handshake failed:` … of a client')
    expect(rows).toHaveLength(visits.length)
    for (const [index, [sentence = '']] of rows.entries()) {
      expect((await run('curl', ['-sS', ...(visits[index] ?? [])])).exitCode).not.toBe(0)
      await line(new RegExp(`TLS handshake failed: ${quoted(sentence).source}`))
    }
  })

  it('is told of servers in the words of the page', async () => {
    const [ca, folder] = [testAuthority(), temporaryFolder()]
    cpSync(ca.certFile, join(folder, 'ca.crt'))
    const start = async (leaf: TestLeaf, options: object = {}): Promise<string> =>
      (await startTlsServer({ cert: leaf.cert, key: leaf.key, ...options })).url
    const demand = { ca: ca.cert, requestCert: true, rejectUnauthorized: true }
    const urls = [
      await start(testAuthority('Unknown').issue()),
      await start(ca.issue({ subjectAltName: 'DNS:mcp.example.com' })),
      await start(ca.issue(), demand),
      await start(ca.issue()),
      await start(ca.issue({ fromDay: -3, toDay: -1 })),
    ]
    const pins = `pinned_certificates: ["sha256:${'00'.repeat(32)}"]`
    const servers = urls.map(
      (url, index) =>
        `  s${index}: {endpoints: [{url: "${url}"}], tls: {ca_cert: ca.crt${index === 3 ? `, ${pins}` : ''}}}`,
    )
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `listeners: [{listen: "127.0.0.1:0"}]
servers:
${servers.join('\n')}
routes: [${urls.map((_, index) => `{path: /${index}, servers: [s${index}]}`).join(', ')}]
state_dir: state
`,
    )
    const { line } = startCli(['serve'], { cwd: folder })
    const [, url = ''] = await line(/^listening on (\S+)$/m)
    const rows = table('`TLS handshake failed:` … with a server')
    expect(rows).toHaveLength(urls.length)
    for (const [index, [sentence = '']] of rows.entries()) {
      const { status, body } = await call(`${url}/${index}`)
      expect([status, JSON.parse(body)]).toMatchObject([
        502,
        { error: { data: { code: 'GW_UPSTREAM_TLS' } } },
      ])
      await line(
        new RegExp(`"server":"s${index}".*TLS handshake failed: ${quoted(sentence).source}`),
      )
    }
  })
})
