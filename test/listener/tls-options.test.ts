// Every option of TLS on a listener, by its effect on a real handshake.
import { chmodSync, readFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { Log } from '../../src/observability/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { startListener, type TestListener } from './start-listener.ts'
import { openTls, visit, type TlsClientOptions } from './tls-client.ts'

/** OpenSSL 3.5 brought ML-KEM. */
const HAS_HYBRID = Number.parseFloat(process.versions.openssl) >= 3.5
/** Mixed kinds of keys by name are served right from here on. */
const SERVES_MIXED_SNI = Number.parseInt(process.versions.node, 10) >= 24

interface Warned {
  readonly log: Log
  readonly warnings: readonly string[]
}

function warnedLog(): Warned {
  const warnings: string[] = []
  return { log: { ...silentLog, warn: (_, message) => void warnings.push(message) }, warnings }
}

function start(
  authority: TestAuthority,
  leaves: TestLeaf | readonly TestLeaf[],
  overrides: Partial<ServerTlsOptions> = {},
  log = silentLog,
): Promise<TestListener> {
  return startListener({
    tls: serverTlsOptions(leaves, overrides),
    ca: Buffer.from(authority.cert),
    log,
  })
}

/** `ok` and the socket, or the code of what the client was told. */
async function shake(
  { port, ca }: TestListener,
  options: Partial<TlsClientOptions> = {},
): Promise<{ readonly code: string; readonly socket?: TLSSocket }> {
  try {
    return { code: 'ok', socket: await openTls({ port, ca, ...options }) }
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown' }
  }
}

const OLD = { ciphers: 'ALL:@SECLEVEL=0' }

describe('min_version and max_version', () => {
  const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
  const NAMES = ['1.0', '1.1', '1.2', '1.3'] as const
  const ranges = NAMES.flatMap((min) =>
    NAMES.filter((max) => max >= min).map((max) => [min, max] as const),
  )

  it.each(ranges)('%s to %s serves exactly those', async (minVersion, maxVersion) => {
    const authority = testAuthority()
    const listener = await start(authority, authority.issue({ key: 'rsa' }), {
      minVersion,
      maxVersion,
    })
    for (const [at, version] of VERSIONS.entries()) {
      const { code, socket } = await shake(listener, {
        minVersion: version,
        maxVersion: version,
        ...OLD,
      })
      const name = NAMES[at] ?? '1.0'
      expect([name, socket?.getProtocol() ?? 'refused']).toEqual([
        name,
        name >= minVersion && name <= maxVersion ? version : 'refused',
      ])
      expect(code).toMatch(/^ok$|PROTOCOL|VERSION/)
    }
  })

  it.each(['1.0', '1.1'] as const)(
    'min_version %s is warned of at every start',
    async (minVersion) => {
      const authority = testAuthority()
      const { log, warnings } = warnedLog()
      await start(authority, authority.issue(), { minVersion }, log)
      expect(warnings).toEqual([expect.stringMatching(/^min_version: TLS 1\.[01] is broken/)])
    },
  )

  it('lowers the security level for one listener alone', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    await start(authority, leaf, { minVersion: '1.0' })
    const other = await start(authority, leaf)
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ...OLD } as const
    expect((await shake(other, old)).code).toMatch(/PROTOCOL_VERSION/)
  })
})

describe('cipher_suites', () => {
  it('are those of TLS 1.2, and none of the others', async () => {
    const authority = testAuthority()
    const listener = await start(authority, authority.issue({ key: 'rsa' }), {
      cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    })
    const { socket } = await shake(listener, { version: '1.2' })
    expect(socket?.getCipher().standardName).toBe('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256')
    const other = { version: '1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' } as const
    expect((await shake(listener, other)).code).toMatch(/HANDSHAKE_FAILURE/)
    expect((await shake(listener, { version: '1.3' })).code).toBe('ok')
  })

  it('are taken in their order, not in that of the client', async () => {
    const authority = testAuthority()
    const cipherSuites = [
      'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
      'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    ]
    for (const suites of [cipherSuites, cipherSuites.toReversed()]) {
      const listener = await start(authority, authority.issue(), { cipherSuites: suites })
      const { socket } = await shake(listener, {
        version: '1.2',
        ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305',
      })
      expect(socket?.getCipher().standardName).toBe(suites[0])
    }
  })

  it('without forward secrecy or authenticated encryption are warned of', async () => {
    const authority = testAuthority()
    const { log, warnings } = warnedLog()
    const cipherSuites = ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA']
    const leaf = authority.issue({ key: 'rsa' })
    await start(authority, leaf, { cipherSuites: [...cipherSuites] }, log)
    expect(warnings).toEqual([expect.stringContaining(cipherSuites.join(', '))])
  })

  it('that go with no key of a certificate stop the start', async () => {
    const authority = testAuthority()
    const cipherSuites = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256']
    await expect(start(authority, authority.issue(), { cipherSuites })).rejects.toThrow(
      /^cipher_suites: expected a suite with ECDSA in its name for an EC key, got none .*; add TLS_ECDHE_ECDSA_WITH_/,
    )
  })
})

describe('curve_preferences', () => {
  const groups = ['X25519', 'P-256', 'P-384', 'P-521', ...(HAS_HYBRID ? ['X25519MLKEM768'] : [])]

  it.each(groups)('%s alone is the only group', async (group) => {
    const authority = testAuthority()
    const listener = await start(authority, authority.issue(), { curvePreferences: [group] })
    expect((await shake(listener, { ecdhCurve: group })).code).toBe('ok')
    const others = groups.filter((other) => other !== group).join(':')
    expect((await shake(listener, { ecdhCurve: others })).code).toMatch(/HANDSHAKE_FAILURE/)
  })

  it.runIf(!HAS_HYBRID)('that the runtime lacks are left out with a warning', async () => {
    const authority = testAuthority()
    const { log, warnings } = warnedLog()
    const curvePreferences = ['X25519MLKEM768', 'X25519']
    const listener = await start(authority, authority.issue(), { curvePreferences }, log)
    expect(warnings).toEqual([expect.stringContaining('lacks X25519MLKEM768')])
    expect((await shake(listener)).code).toBe('ok')
  })
})

describe('the certificate for a name', () => {
  const names = (authority: TestAuthority): TestLeaf[] => [
    authority.issue({ commonName: 'fallback', subjectAltName: 'DNS:localhost,DNS:b.a.example' }),
    authority.issue({ commonName: 'exact', subjectAltName: 'DNS:one.example' }),
    authority.issue({ commonName: 'wildcard', subjectAltName: 'DNS:*.a.example' }),
  ]

  it.each([
    ['one.example', 'exact'],
    ['ONE.Example', 'exact'],
    ['one.example.', 'exact'],
    ['x.a.example', 'wildcard'],
    ['X.A.EXAMPLE.', 'wildcard'],
    ['b.a.example', 'fallback'],
    ['y.x.a.example', 'fallback'],
    ['a.example', 'fallback'],
    ['nobody.example', 'fallback'],
    ['', 'fallback'],
  ])('%j is %s', async (servername, commonName) => {
    const authority = testAuthority()
    const listener = await start(authority, names(authority))
    for (const version of ['1.2', '1.3'] as const) {
      const { socket } = await shake(listener, {
        servername,
        version,
        checkServerIdentity: () => undefined,
      })
      expect(socket?.getPeerCertificate().subject.CN).toBe(commonName)
    }
  })

  it('is of the kind that the client can verify, when there are two for it', async () => {
    const authority = testAuthority()
    const listener = await start(authority, [authority.issue(), authority.issue({ key: 'rsa' })])
    for (const [suite, bits] of [
      ['ECDHE-RSA-AES256-GCM-SHA384', 2048],
      ['ECDHE-ECDSA-AES256-GCM-SHA384', 256],
    ] as const) {
      const { socket } = await shake(listener, { version: '1.2', ciphers: suite })
      expect(socket?.getPeerCertificate().bits).toBe(bits)
    }
    const { socket } = await shake(listener, { version: '1.3', sigalgs: 'ecdsa_secp256r1_sha256' })
    expect(socket?.getPeerCertificate().bits).toBe(256)
    // The client's own authority is an EC one, so it has to take that kind for the chain as well.
    const rsa = await shake(listener, {
      version: '1.3',
      sigalgs: 'rsa_pss_rsae_sha256',
      rejectUnauthorized: false,
    })
    expect(rsa.socket?.getPeerCertificate().bits).toBe(2048)
  })

  it.runIf(SERVES_MIXED_SNI)('may have a key of another kind than the fallback', async () => {
    const authority = testAuthority()
    const listener = await start(authority, [
      authority.issue(),
      authority.issue({ key: 'rsa', subjectAltName: 'DNS:rsa.example' }),
    ])
    for (const version of ['1.2', '1.3'] as const) {
      const { socket } = await shake(listener, { servername: 'rsa.example', version })
      expect(socket?.getPeerCertificate().bits).toBe(2048)
    }
  })

  it.runIf(!SERVES_MIXED_SNI)('of another kind than the fallback stops the start', async () => {
    const authority = testAuthority()
    const rsa = authority.issue({ key: 'rsa', subjectAltName: 'DNS:rsa.example' })
    await expect(start(authority, [authority.issue(), rsa])).rejects.toThrow(
      /^certificates: expected certificates with one kind of key/,
    )
  })

  it('comes with its own chain', async () => {
    const root = testAuthority()
    const below = root.intermediate()
    const leaf = below.issue()
    const { chainFile: certFile, keyFile } = leaf
    const listener = await startListener({
      tls: serverTlsOptions({ certFile, keyFile }),
      ca: Buffer.from(root.cert),
    })
    expect((await shake(listener)).code).toBe('ok')
  })
})

describe('the forms of a key', () => {
  it.each(['ec', 'rsa', 'ed25519'] as const)('%s is served', async (key) => {
    const authority = testAuthority()
    const listener = await start(authority, authority.issue({ key }))
    for (const version of ['1.2', '1.3'] as const) {
      expect((await shake(listener, { version })).code).toBe('ok')
    }
  })

  it('an encrypted one is opened with key_password', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const credentials = [
      {
        kind: 'pem',
        certFile: leaf.certFile,
        keyFile: leaf.encryptedKey('secret'),
        keyPassword: 'secret',
      },
    ] as const
    expect((await shake(await start(authority, leaf, { credentials }))).code).toBe('ok')
  })

  it.each(['ec', 'rsa'] as const)('%s in pfx_file is opened with password', async (key) => {
    const authority = testAuthority()
    const leaf = authority.issue({ key })
    const credentials = [{ kind: 'pfx', pfxFile: leaf.pfx('secret'), password: 'secret' }] as const
    expect((await shake(await start(authority, leaf, { credentials }))).code).toBe('ok')
  })

  it('that everybody can read stops the start, unless it is allowed', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    chmodSync(leaf.keyFile, 0o644)
    await expect(start(authority, leaf)).rejects.toThrow(
      `${leaf.keyFile}: expected a key that only its owner and its group can read, got mode 0644; run: chmod 600 FILE, or set insecure_allow_readable_keys: true`,
    )
    const { log, warnings } = warnedLog()
    await start(authority, leaf, { insecureAllowReadableKeys: true }, log)
    expect(warnings).toEqual([expect.stringMatching(/^insecure_allow_readable_keys: /)])
    chmodSync(leaf.keyFile, 0o640)
    await start(authority, leaf)
  })
})

describe('a client without TLS', () => {
  it('gets nothing', async () => {
    const authority = testAuthority()
    const listener = await start(authority, authority.issue())
    const reply = await fetch(`http://127.0.0.1:${listener.port}/`).catch(() => 'nothing')
    expect(reply).toBe('nothing')
    expect(listener.exchanges).toEqual([])
    const ca = readFileSync(authority.certFile)
    expect((await visit({ port: listener.port, ca })).status).toBe(200)
  })
})
