// What the commands make, in mutual handshakes with every TLS library at hand: each must accept the right certificates and
// refuse the withheld, the revoked and the stranger's.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type LeafPlace, publishCrl, revoke } from '../../src/certs/index.ts'
import { type KeyType, keyTypes } from '../../src/certs/options.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { makeTree, read } from './make-tree.ts'

const DAY_MS = 24 * 60 * 60 * 1000

interface Pki {
  readonly plugin: LeafPlace
  readonly gateway: LeafPlace
  readonly revoked: LeafPlace
  readonly caFile: string
  readonly crlFile: string
}

async function makePki(keyType: KeyType, folder = temporaryFolder()): Promise<Pki> {
  const dir = join(folder, 'tree')
  const tree = await makeTree({ dir, keyType })
  const plugin = await tree.make('plugin', 'MyPlugin', {
    names: [{ kind: 'ip', value: '127.0.0.1' }],
  })
  const gateway = await tree.make('gateway')
  const revoked = await tree.make('client', 'lost')
  const { authority, crlFile, certFile } = tree
  await publishCrl({ dir, authority, validForMs: DAY_MS })
  const what = revoked.certFile
  await revoke({ dir, authority, what, reason: 'keyCompromise', crlValidForMs: DAY_MS })
  return { plugin, gateway, revoked, caFile: certFile, crlFile }
}

/** Says hello to those who prove who they are, by a list of revoked ones. */
async function startServer({ plugin, caFile, crlFile }: Pki): Promise<number> {
  const server = createServer(
    {
      cert: read(plugin.certFile),
      key: read(plugin.keyFile),
      ca: read(caFile),
      crl: read(crlFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (req, res) => {
      const { CN } = (req.socket as TLSSocket).getPeerCertificate().subject
      res.end(`hello ${String(CN)}\n`)
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

type Client = (port: number, pki: Pki, own: LeafPlace | undefined) => Promise<string>

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

const PYTHON = `
import socket, ssl, sys
port, ca, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
if own: context.load_cert_chain(*own)
with socket.create_connection(("127.0.0.1", int(port))) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        tls.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        print(b"".join(iter(lambda: tls.recv(4096), b"")).decode())
`

/** The output of a program that is fed the request and keeps its input open until the server has answered. */
async function converse(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args)
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  // It may be gone before it is fed: that is what a refusal looks like.
  child.stdin.on('error', () => {})
  child.stdin.write(GET)
  await once(child, 'close')
  return output
}

/** Two flags with their files; nothing when there are none. */
const pair = (
  own: Pick<LeafPlace, 'certFile' | 'keyFile'> | undefined,
  certFlag: string,
  keyFlag: string,
): readonly string[] => (own === undefined ? [] : [certFlag, own.certFile, keyFlag, own.keyFile])

const CLIENTS: Readonly<Record<string, { readonly tool: string; readonly client: Client }>> = {
  node: {
    tool: 'node',
    client: (port, { caFile }, own) =>
      new Promise((resolve) => {
        const certificate = own && { cert: read(own.certFile), key: read(own.keyFile) }
        const options = { ca: read(caFile), servername: 'localhost', ...certificate }
        const socket = connect({ host: '127.0.0.1', port, ...options })
        let text = ''
        socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        socket.on('error', ({ message }) => (text += message)).on('close', () => resolve(text))
        socket.write(GET)
      }),
  },
  curl: {
    tool: 'curl',
    client: async (port, { caFile, crlFile }, own) => {
      const trust = ['--cacert', caFile, '--crlfile', crlFile, '--noproxy', '*']
      const url = `https://localhost:${port}/`
      const args = ['-sS', ...trust, ...pair(own, '--cert', '--key'), url]
      return (await run('curl', args)).output
    },
  },
  openssl: {
    tool: 'openssl',
    client: (port, { caFile, crlFile }, own) =>
      converse('openssl', [
        ...`s_client -connect 127.0.0.1:${port} -servername localhost -quiet`.split(' '),
        ...'-crl_check -x509_strict -verify_return_error -verify_hostname localhost'.split(' '),
        ...pair({ certFile: caFile, keyFile: crlFile }, '-CAfile', '-CRL'),
        ...pair(own, '-cert', '-key'),
      ]),
  },
  gnutls: {
    tool: 'gnutls-cli',
    client: (port, { caFile, crlFile }, own) =>
      converse('gnutls-cli', [
        ...pair({ certFile: caFile, keyFile: crlFile }, '--x509cafile', '--x509crlfile'),
        ...`-p ${port}`.split(' '),
        ...pair(own, '--x509certfile', '--x509keyfile'),
        'localhost',
      ]),
  },
  python: {
    tool: 'python3',
    client: async (port, { caFile }, own) => {
      const files = own === undefined ? [] : [own.certFile, own.keyFile]
      return (await run('python3', ['-c', PYTHON, String(port), caFile, ...files])).output
    },
  },
}

describe.each(['ecdsa-p256', 'rsa-4096'] as const)(
  'certificates with a key of type %s',
  (keyType) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-'))
    let pki: Pki
    beforeAll(async () => {
      pki = await makePki(keyType, folder)
    }, 60_000)
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    describe.each(Object.entries(CLIENTS).filter(([, { tool }]) => hasTool(tool)))(
      '%s',
      (_, { client }) => {
        it('gets in with the certificate of the gateway', async () => {
          expect(await client(await startServer(pki), pki, pki.gateway)).toContain(
            'hello mcp-gateway\n',
          )
        })

        it('is refused without one', async () => {
          const answer = await client(await startServer(pki), pki, undefined)
          expect(answer).toMatch(/certificate[ _]required|bad[ _]certificate|handshake|eof|alert/i)
          expect(answer).not.toContain('hello')
        })

        it('is refused with one that was revoked', async () => {
          const answer = await client(await startServer(pki), pki, pki.revoked)
          expect(answer).not.toContain('hello')
        })

        it('is refused with the certificate of a server', async () => {
          expect(await client(await startServer(pki), pki, pki.plugin)).not.toContain('hello')
        })
      },
    )
  },
)

const PYTHON_PLUGIN = `
import socket, ssl, sys
cert, key, ca = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
context.load_verify_locations(ca)
context.verify_mode = ssl.CERT_REQUIRED
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    with context.wrap_socket(server.accept()[0], server_side=True) as tls:
        tls.sendall(dict(x[0] for x in tls.getpeercert()["subject"])["commonName"].encode())
`

describe.skipIf(!hasTool('python3'))('a plugin in Python that requires certificates', () => {
  it('knows the gateway by its certificate, by the files of its own folder alone', async () => {
    const { plugin, gateway } = await makePki('ecdsa-p256')
    const files = [plugin.certFile, plugin.keyFile, plugin.caFile]
    const child = spawn('python3', ['-c', PYTHON_PLUGIN, ...files])
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const socket = connect({
      host: '127.0.0.1',
      port: Number(line.toString()),
      servername: 'localhost',
      ca: read(gateway.caFile),
      cert: read(gateway.certFile),
      key: read(gateway.keyFile),
    })
    const [name] = (await once(socket, 'data')) as [Buffer]
    expect(name.toString()).toBe('mcp-gateway')
    socket.destroy()
  })
})

describe.skipIf(!hasTool('openssl'))('openssl verify -x509_strict', () => {
  const verify = ({ caFile, crlFile }: Pki, { certFile, purpose }: LeafPlace) => {
    const bundle = join(temporaryFolder(), 'bundle.pem')
    writeFileSync(bundle, read(caFile) + read(crlFile))
    const asked = ['-purpose', purpose === 'server' ? 'sslserver' : 'sslclient', '-crl_check']
    return run('openssl', ['verify', '-x509_strict', ...asked, '-CAfile', bundle, certFile])
  }

  it.each(keyTypes)(
    'accepts a chain and a revocation list of type %s',
    { timeout: 60_000 },
    async (type) => {
      const pki = await makePki(type)
      for (const leaf of [pki.plugin, pki.gateway]) {
        expect(await verify(pki, leaf)).toEqual({ exitCode: 0, output: `${leaf.certFile}: OK\n` })
      }
      const refused = await verify(pki, pki.revoked)
      expect(refused.output).toContain('certificate revoked')
      expect(refused.exitCode).not.toBe(0)
    },
  )
})

describe.skipIf(!hasTool('certtool'))('certtool', () => {
  it('verifies the chain, and reads the revocation list', async () => {
    const { plugin, caFile, crlFile, revoked } = await makePki('ecdsa-p256')
    const chain = ['--verify', '--load-ca-certificate', caFile, '--infile']
    const good = await run('certtool', [...chain, plugin.certFile])
    expect(good.output).toContain('Verified. The certificate is trusted.')
    const list = await run('certtool', ['--crl-info', '--infile', crlFile])
    expect(list.output).toMatch(/CRL Number[\s\S]*Revoked certificates \(1\)/)
    const withList = await run('certtool', [...chain, revoked.certFile, '--load-crl', crlFile])
    expect(withList.exitCode).not.toBe(0)
  })
})
