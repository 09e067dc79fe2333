// TLS with keys that are inside an HSM, here SoftHSM: handshakes of openssl and Node with a running gateway, what stops a
// start, and reloads. The keys never leave the token, so whoever completes a handshake was signed for by it.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { folderWith, runCli } from '../cli/run-cli.ts'
import { issueCert } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { until } from '../support/servers.ts'
import { ENGINE, hasSoftHsm, KEY_TYPES, softHsm, type SoftHsm } from '../support/soft-hsm.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { stringify } from 'yaml'

const documentWith = (tls: object) => ({
  listeners: [{ listen: '127.0.0.1:0', tls }],
  servers: { one: { endpoints: [{ url: 'http://127.0.0.1:1/mcp' }] } },
  routes: [{ path: '/mcp', servers: ['one'] }],
  limits: { accept_rate: 10_000 },
})

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

async function start(hsm: SoftHsm, tls: object) {
  const gateway = await startGatewayProcess(documentWith(tls), hsm.env)
  return { gateway, port: Number(new URL(gateway.url).port) }
}

/** A handshake, in which the server proves to have the key of the certificate that it shows. */
async function shake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const own = { host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false }
  const socket = connect({ ...own, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256

async function shownBy(port: number, options?: ConnectionOptions): Promise<string> {
  const socket = await shake(port, options)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

function check(hsm: SoftHsm, tls: object) {
  const cwd = folderWith({ 'sallyport.yaml': stringify(documentWith(tls)) })
  const { SOFTHSM2_CONF = '', PKCS11_MODULE_PATH = '' } = hsm.env
  return runCli(['check'], { cwd, env: { SOFTHSM2_CONF, PKCS11_MODULE_PATH } })
}

describe.skipIf(!hasSoftHsm)('a listener with its key in an HSM (SoftHSM)', () => {
  it.each(KEY_TYPES)('is served by openssl’s and Node’s clients, %s', async (type) => {
    const hsm = softHsm()
    const certFile = hsm.issue('tls', { type })
    const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { gateway, port } = await start(hsm, tls)
    for (const version of VERSIONS) {
      const ca = readFileSync(certFile)
      const socket = await shake(port, {
        minVersion: version,
        maxVersion: version,
        ca,
        rejectUnauthorized: true,
      })
      expect([socket.getProtocol(), socket.authorized]).toEqual([version, true])
      const flag = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'
      const peer = [
        '-connect',
        `127.0.0.1:${port}`,
        '-servername',
        'localhost',
        '-CAfile',
        certFile,
      ]
      const { stdout, status } = spawnSync(
        'openssl',
        ['s_client', ...peer, flag, '-verify_return_error', '-brief'],
        { input: '', encoding: 'utf8' },
      )
      expect([status, stdout]).toEqual([0, expect.any(String)])
    }
    expect(gateway.log()).not.toContain(hsm.pin)
  })

  it.each(VERSIONS.flatMap((version) => KEY_TYPES.map((type) => [version, type] as const)))(
    'completes 200 handshakes, 20 at a time: %s, %s',
    async (version, type) => {
      const hsm = softHsm()
      const certFile = hsm.issue('tls', { type })
      const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
      const { port } = await start(hsm, tls)
      const fingerprint = fingerprintOf(certFile)
      let left = 200
      let good = 0
      const one = async (): Promise<void> => {
        while (left-- > 0) {
          const shown = await shownBy(port, { minVersion: version, maxVersion: version })
          if (shown === fingerprint) good += 1
        }
      }
      await Promise.all(Array.from({ length: 20 }, one))
      expect(good).toBe(200)
    },
  )

  it('takes several keys of one token, chosen by name, and the PIN from a file with a line break', async () => {
    const hsm = softHsm()
    const pinFile = join(temporaryFolder(), 'pin')
    writeFileSync(pinFile, `${hsm.pin}\n`, { mode: 0o600 })
    const first = hsm.issue('first')
    const second = hsm.issue('second', { host: 'second.example' })
    const fromFile = `pkcs11:token=gw;object=second?pin-source=file:${pinFile}`
    const { port } = await start(hsm, {
      cert_file: first,
      key_engine: ENGINE,
      key_identifier: hsm.uri('first'),
      certificates: [{ cert_file: second, key_engine: ENGINE, key_identifier: fromFile }],
    })
    const shown = await Promise.all([
      shownBy(port),
      shownBy(port, { servername: 'second.example' }),
    ])
    expect(shown).toEqual([fingerprintOf(first), fingerprintOf(second)])
  })

  it('refuses keys of two kinds for one name, as Node takes no other beside that of an engine', async () => {
    const hsm = softHsm()
    const beside = issueCert({ key: 'rsa' })
    const { code, stderr } = await check(hsm, {
      cert_file: hsm.issue('tls'),
      key_engine: ENGINE,
      key_identifier: hsm.uri('tls'),
      certificates: [{ cert_file: beside.certFile, key_file: beside.keyFile }],
    })
    expect(code).toBe(78)
    expect(stderr).toContain(
      'tls.certificates: expected one certificate for each name where a key is in an engine, as Node takes no key beside it, got several for one name',
    )
  })

  it('tells in the log when the key is gone, and answers again with a new one', async () => {
    const hsm = softHsm()
    const certFile = hsm.issue('tls')
    const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { gateway, port } = await start(hsm, tls)
    hsm.destroy('tls')
    await expect(shake(port)).rejects.toThrow(/alert/)
    await until(() => gateway.log().includes('the key in the HSM did not sign'), 'the log line')
    hsm.issue('tls', { file: `${certFile}.new` })
    renameSync(`${certFile}.new`, certFile)
    await until(async () => (await shownBy(port).catch(() => '')) === fingerprintOf(certFile), 'it')
  })
})

describe.skipIf(!hasSoftHsm)('a start with a key in an HSM (SoftHSM)', () => {
  interface Wrong {
    readonly tls?: object
    readonly env?: NodeJS.ProcessEnv
  }
  it.each<[string, string, (hsm: SoftHsm) => Wrong]>([
    [
      'no such key in the token',
      'key_identifier: expected a private key in this token, got no such key, or no such token; compare with: pkcs11-tool',
      (hsm) => ({ tls: { key_identifier: hsm.uri('none') } }),
    ],
    [
      'no such token',
      'key_identifier: expected a private key in this token, got no such key, or no such token; compare with: pkcs11-tool',
      (hsm) => ({ tls: { key_identifier: hsm.uri('tls').replace('token=gw', 'token=other') } }),
    ],
    [
      'a wrong PIN',
      'key_identifier: expected the PIN of the token, got another one; correct the PIN',
      (hsm) => ({ tls: { key_identifier: hsm.uri('tls', '4711-falsch') } }),
    ],
    [
      'a key of the same kind that is another one',
      'key_identifier: expected the private key of the certificate, got the key of another certificate; name',
      (hsm) => {
        hsm.issue('other')
        return { tls: { key_identifier: hsm.uri('other') } }
      },
    ],
    [
      'a key of another kind',
      'got a key of another kind; name the certificate and the key of one pair',
      (hsm) => {
        hsm.issue('other', { type: 'rsa:2048' })
        return { tls: { key_identifier: hsm.uri('other') } }
      },
    ],
    [
      'the module of the HSM in place of the engine',
      'key_engine: expected an OpenSSL engine, got a file that OpenSSL does not load as one; name the engine’s library',
      (hsm) => ({ tls: { key_engine: hsm.env['PKCS11_MODULE_PATH'] } }),
    ],
    [
      'a module that is not there',
      'key_engine: expected a PKCS#11 module that can be loaded, got none; set PKCS11_MODULE_PATH',
      () => ({ env: { PKCS11_MODULE_PATH: '/none.so' } }),
    ],
    [
      'a module without its settings',
      'key_engine: expected a PKCS#11 module that finds its tokens, got one that fails; see',
      () => ({ env: { SOFTHSM2_CONF: '/none.conf' } }),
    ],
    [
      'a Node that may not load engines',
      'key_engine: expected a Node that loads OpenSSL engines, got one that does not; start Node without --permission',
      () => ({ env: { NODE_OPTIONS: '--permission --allow-fs-read=* --allow-fs-write=*' } }),
    ],
  ])('stops at %s, and so does check, without a word of the PIN', async (_, sentence, wrong) => {
    const hsm = softHsm()
    const right = {
      cert_file: hsm.issue('tls'),
      key_engine: ENGINE,
      key_identifier: hsm.uri('tls'),
    }
    const { tls, env } = wrong(hsm)
    const { SOFTHSM2_CONF = '', PKCS11_MODULE_PATH = '' } = hsm.env
    const options = {
      cwd: folderWith({ 'sallyport.yaml': stringify(documentWith({ ...right, ...tls })) }),
      env: { SOFTHSM2_CONF, PKCS11_MODULE_PATH, ...(env as Record<string, string>) },
    }
    for (const command of ['check', 'serve']) {
      const { code, stdout, stderr } = await runCli([command], options)
      expect({ code, stdout, stderr }).toEqual({
        code: 78,
        stdout: '',
        stderr: expect.stringContaining(sentence),
      })
      expect(stderr).toMatch(/^sallyport\.yaml:\d+:\d+: listeners\[0\]\.tls\.key_/m)
      expect(stderr).not.toContain('4711')
    }
  })

  it('asks a token for a wrong PIN once, however many certificates want it', async () => {
    const hsm = softHsm()
    const key = {
      cert_file: hsm.issue('tls'),
      key_engine: ENGINE,
      key_identifier: hsm.uri('tls', '4711-falsch'),
    }
    const { stderr } = await check(hsm, { ...key, certificates: [key, key] })
    expect(stderr.match(/^Login failed$/gm)).toHaveLength(1)
    expect(stderr.match(/not tried again as tokens lock themselves/g)).toHaveLength(2)
  })

  it('takes the PIN from the environment, and leaves nothing of it where it was handed over', async () => {
    const hsm = softHsm()
    const tls = {
      cert_file: hsm.issue('tls'),
      key_engine: ENGINE,
      key_identifier: 'pkcs11:token=gw;object=tls?pin-value=${PIN}',
    }
    const { gateway, port } = await start({ ...hsm, env: { ...hsm.env, PIN: hsm.pin } }, tls)
    expect((await shake(port)).getProtocol()).toBe('TLSv1.3')
    const { stdout } = spawnSync('ls', ['-l', `/proc/${gateway.pid}/fd`], { encoding: 'utf8' })
    expect(stdout).toContain('socket:')
    expect(stdout).not.toContain('(deleted)')
  })
})

describe.skipIf(!hasSoftHsm)('config show with a key in an HSM (SoftHSM)', () => {
  it('hides the identifier, which may hold the PIN', async () => {
    const hsm = softHsm()
    const tls = { cert_file: hsm.issue('tls'), key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { SOFTHSM2_CONF = '', PKCS11_MODULE_PATH = '' } = hsm.env
    const cwd = folderWith({ 'sallyport.yaml': stringify(documentWith(tls)) })
    const env = { SOFTHSM2_CONF, PKCS11_MODULE_PATH }
    const { code, stdout } = await runCli(['config', 'show'], { cwd, env })
    expect(code).toBe(0)
    expect(stdout).toContain(`key_engine: ${ENGINE}`)
    expect(stdout).toMatch(/key_identifier: "?\*\*\*/)
    expect(stdout).not.toContain('4711')
  })
})

describe.skipIf(!hasSoftHsm)('a reload with a key in an HSM (SoftHSM)', () => {
  it('shows a new certificate for the same key, and one for a new key at the same address', async () => {
    const hsm = softHsm()
    const certFile = hsm.issue('tls')
    const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { gateway, port } = await start(hsm, tls)
    const open = await shake(port)
    const change = async (make: (file: string) => void): Promise<void> => {
      make(`${certFile}.new`)
      renameSync(`${certFile}.new`, certFile)
      const fingerprint = fingerprintOf(certFile)
      // While there is no key there is no handshake.
      const shown = (): Promise<string> => shownBy(port).catch(() => '')
      await until(async () => (await shown()) === fingerprint, 'the new one')
    }
    await change((file) => hsm.certify('tls', file))
    hsm.destroy('tls')
    hsm.issue('tls', { file: `${certFile}.next` })
    await change((file) => renameSync(`${certFile}.next`, file))
    expect([open.destroyed, gateway.log().includes(hsm.pin)]).toEqual([false, false])
  })

  it('keeps the last good pair while the certificate is that of another key, and says so', async () => {
    const hsm = softHsm()
    const certFile = hsm.issue('tls')
    const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { gateway, port } = await start(hsm, tls)
    const before = fingerprintOf(certFile)
    copyFileSync(hsm.issue('other', { type: 'rsa:2048' }), certFile)
    const failed = 'sallyport_tls_reloads_total{source="listener 127.0.0.1:0",result="failed"}'
    await until(async () => (await gateway.metric(failed)) > 0, 'the failure')
    expect(await shownBy(port)).toBe(before)
    await until(() => gateway.log().includes('got a key of another kind'), 'the log line')
    expect(gateway.log()).not.toContain(hsm.pin)
  })

  it('has the end of the certificate in the metrics', async () => {
    const hsm = softHsm()
    const certFile = hsm.issue('tls')
    const tls = { cert_file: certFile, key_engine: ENGINE, key_identifier: hsm.uri('tls') }
    const { gateway } = await start(hsm, tls)
    const sample = `sallyport_certificate_expiry_timestamp_seconds{role="server",where="${certFile}"}`
    const end = Date.parse(new X509Certificate(readFileSync(certFile)).validTo) / 1_000
    expect(await gateway.metric(sample)).toBe(end)
  })
})
