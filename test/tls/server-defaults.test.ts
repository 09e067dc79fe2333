// TLS of a listener as it is without any option: what it serves and what it refuses, in versions, suites and groups; and
// the simplest things that can be wrong with certificate and key.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createServerTls, type ServerTls } from '../../src/tls/index.ts'
import { issueCert, VALID_DAYS, type TestCertificate } from '../support/certificates.ts'
import { manualClock } from '../support/manual-clock.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

/** OpenSSL 3.5 brought ML-KEM; the oldest Node 22 that is supported comes with 3.0. */
const HAS_HYBRID = Number.parseFloat(process.versions.openssl) >= 3.5
const MS_PER_DAY = 86_400_000
const load = async (
  files: { certFile: string; keyFile: string },
  daysFromNow = 0,
): Promise<ServerTls> => {
  const clock = manualClock(Date.now() + daysFromNow * MS_PER_DAY)
  return createServerTls(serverTlsOptions(files), { name: 'listener test', clock })
}

interface Handshake {
  readonly socket: TLSSocket | undefined
  readonly error: string | undefined
}

/** Makes one handshake with a server of this context. */
async function shake(certificate: TestCertificate, options: ConnectionOptions): Promise<Handshake> {
  const { secureContextOptions } = await load(certificate)
  const server = createServer(secureContextOptions)
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket) => socket.on('error', () => {}))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return new Promise((resolve) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: certificate.ca,
      servername: 'localhost',
      ...options,
    })
    onTestFinished(() => void socket.destroy())
    socket.once('secureConnect', () => resolve({ socket, error: undefined }))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ socket: undefined, error: error.code }),
    )
  })
}

describe('TLS without options', () => {
  it.each(['ec', 'rsa'] as const)('serves TLS 1.3 and 1.2 with an %s key', async (key) => {
    const certificate = issueCert({ key })
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const { socket } = await shake(certificate, { minVersion: version, maxVersion: version })
      expect(socket?.getProtocol()).toBe(version)
      expect(socket?.getCipher().standardName).toMatch(/_GCM_|CHACHA20/)
    }
  })

  it('refuses TLS 1.1', async () => {
    const options = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL@SECLEVEL=0',
    } as const
    expect((await shake(issueCert(), options)).error).toMatch(/PROTOCOL_VERSION/)
  })

  it.each(['ECDHE-RSA-AES128-SHA', 'AES128-GCM-SHA256', 'ECDHE-RSA-AES256-SHA384'])(
    'refuses the suite %s, which lacks forward secrecy or authenticated encryption',
    async (ciphers) => {
      const certificate = issueCert({ key: 'rsa' })
      const { error } = await shake(certificate, { maxVersion: 'TLSv1.2', ciphers })
      expect(error).toMatch(/HANDSHAKE_FAILURE/)
    },
  )

  it('prefers the post-quantum hybrid where the runtime has it, and takes what others have', async () => {
    const { secureContextOptions: options } = await load(issueCert())
    const hybrid = HAS_HYBRID ? ['X25519MLKEM768'] : []
    expect(options.ecdhCurve?.split(':')).toEqual([...hybrid, 'X25519', 'P-256', 'P-384'])
    for (const ecdhCurve of [...hybrid, 'X25519', 'P-256', 'P-384']) {
      expect((await shake(issueCert(), { ecdhCurve })).error).toBeUndefined()
    }
  })

  it('refuses renegotiation', async () => {
    const { socket } = await shake(issueCert(), { maxVersion: 'TLSv1.2' })
    const refused = new Promise((resolve) => socket?.once('error', resolve))
    socket?.renegotiate({}, () => {})
    expect(await refused).toMatchObject({
      code: expect.stringMatching(/NO_RENEGOTIATION/) as string,
    })
  })

  it('knows the names and addresses of its certificate', async () => {
    const certificate = issueCert({
      subjectAltName:
        'DNS:MCP.example,DNS:*.example,IP:127.0.0.1,IP:::1,IP:2001:db8::1,URI:spiffe://a/b,email:a@b.c',
    })
    const { certificateHosts } = await load(certificate)
    expect(certificateHosts).toEqual([
      'mcp.example',
      '*.example',
      '127.0.0.1',
      '::1',
      '2001:db8::1',
    ])
  })
})

/** Each spoils a file and gives its name. */
const makeFolder = (file: string): string => {
  rmSync(file)
  mkdirSync(file)
  return file
}
const remove = (file: string): string => {
  rmSync(file)
  return file
}
const overwrite = (file: string, content: string): string => {
  writeFileSync(file, content)
  return file
}
describe('loading fails and names file and mend when', () => {
  const failing: readonly (readonly [string, (files: TestCertificate) => string, RegExp])[] = [
    [
      'the certificate is missing',
      (it) => remove(it.certFile),
      /got no file at .*; correct the path/,
    ],
    ['the key is missing', (it) => remove(it.keyFile), /got no file at .*; correct the path/],
    ['the key is a folder', (it) => makeFolder(it.keyFile), /got a folder at/],
    [
      'the certificate is not PEM',
      (it) => overwrite(it.certFile, 'nonsense'),
      /expected a PEM file with a certificate/,
    ],
    [
      'the certificate is damaged',
      (it) => overwrite(it.certFile, readFileSync(it.certFile, 'utf8').replace(/\n.{20}/, '\n')),
      /expected a PEM file with a certificate/,
    ],
    [
      'the files are the wrong way round',
      (it) => overwrite(it.certFile, readFileSync(it.keyFile, 'utf8')),
      /expected a PEM file with a certificate/,
    ],
    [
      'the key is not PEM',
      (it) => overwrite(it.keyFile, 'nonsense'),
      /expected a PEM file with a private key/,
    ],
    [
      'the key is another one',
      (it) => overwrite(it.keyFile, readFileSync(issueCert().keyFile, 'utf8')),
      /private key of the certificate in .*server\.crt, got the key of another/,
    ],
    [
      'the key is of another kind',
      (it) => overwrite(it.keyFile, readFileSync(issueCert({ key: 'rsa' }).keyFile, 'utf8')),
      /got the key of another certificate/,
    ],
  ]

  it.each(failing)('%s', async (_, spoil, complaint) => {
    const certificate = issueCert()
    const file = spoil(certificate)
    const failure = await load(certificate).catch((thrown: unknown) => thrown)
    expect(failure).toMatchObject({ name: 'TlsMaterialError', file })
    const { message } = failure as Error
    expect(message.startsWith(`${file}: `)).toBe(true)
    expect(message).toMatch(complaint)
    expect(message).not.toContain('PRIVATE KEY-----\n')
  })

  it('the certificate has expired', async () => {
    const certificate = issueCert()
    await expect(load(certificate, VALID_DAYS + 1)).rejects.toThrow(
      /got one that expired on .*; renew it/,
    )
    await expect(load(certificate, VALID_DAYS - 1)).resolves.toBeDefined()
  })
})
