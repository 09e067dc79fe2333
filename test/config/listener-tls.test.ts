// The keys of `listeners[].tls`: what each becomes, which go together, and where a fault in one of the files is shown.
import { chmodSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SUITE_NAMES } from '../../src/tls/suites.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { testAuthority } from '../support/pki.ts'
import { changed, faultLines, faultsOf, loadValid } from './config-file.ts'

const LISTEN = '  - listen: 127.0.0.1:8443'

function withTls(tls: Readonly<Record<string, unknown>>): string {
  return changed(LISTEN, `${LISTEN}\n    tls: ${JSON.stringify(tls)}`)
}

function pair() {
  const { certFile: cert_file, keyFile: key_file } = testAuthority().issue()
  return { cert_file, key_file }
}

function optionsOf(
  tls: Readonly<Record<string, unknown>>,
  env: Record<string, string> = {},
): ServerTlsOptions {
  const found = loadValid(withTls(tls), env).options.listeners[0]?.tls
  if (found === undefined) throw new Error('no tls')
  return found
}

/** Path and the rest of each fault, without files. */
function complaints(tls: Readonly<Record<string, unknown>>): readonly string[] {
  return faultsOf(withTls(tls)).map(({ path, expected, got, mend }) => {
    const text = `${path.replace('listeners[0].tls', 'tls')}: expected ${expected}, got ${got}; ${mend}`
    return text.replaceAll(/\/tmp\/\S*\//g, '')
  })
}

describe('a key of tls', () => {
  it('has its default when it is not written', () => {
    expect(optionsOf(pair())).toMatchObject({
      minVersion: '1.2',
      maxVersion: '1.3',
      cipherSuites: undefined,
      curvePreferences: undefined,
      clientAuth: 'none',
      clientCaFile: undefined,
      crlFile: undefined,
      forwardClientIdentity: false,
      ticketRotationMs: 43_200_000,
      insecureAllowReadableKeys: false,
    })
  })

  it.each<[Record<string, unknown>, Partial<ServerTlsOptions>]>([
    [{ min_version: '1.3' }, { minVersion: '1.3' }],
    [
      { min_version: '1.0', max_version: '1.2' },
      { minVersion: '1.0', maxVersion: '1.2' },
    ],
    [
      { cipher_suites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] },
      { cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] },
    ],
    [{ curve_preferences: ['P-256', 'X25519'] }, { curvePreferences: ['P-256', 'X25519'] }],
    [{ client_auth: 'require' }, { clientAuth: 'require' }],
    [{ client_auth: 0 }, { clientAuth: 'none' }],
    [{ client_auth: 1 }, { clientAuth: 'request' }],
    [{ client_auth: '0' }, { clientAuth: 'none' }],
    [{ client_auth: '1' }, { clientAuth: 'request' }],
    [{ ticket_rotation: '1m' }, { ticketRotationMs: 60_000 }],
    [{ insecure_allow_readable_keys: true }, { insecureAllowReadableKeys: true }],
  ])('has an effect when it is written: %j', (written, expected) => {
    expect(optionsOf({ ...pair(), ...written })).toMatchObject(expected)
  })

  it.each(['verify', 2, '2'])('client_auth %j takes client_ca_file and crl_file', (written) => {
    const authority = testAuthority()
    const [client_ca_file, crl_file] = [authority.certFile, authority.crl()]
    const tls = { client_auth: written, client_ca_file, crl_file, forward_client_identity: true }
    expect(optionsOf({ ...pair(), ...tls })).toMatchObject({
      forwardClientIdentity: true,
      clientAuth: 'verify',
      clientCaFile: client_ca_file,
      crlFile: crl_file,
    })
  })

  it('client_auth can come from a variable as Python’s number', () => {
    const env = { CERT_REQS: '1' }
    expect(optionsOf({ ...pair(), client_auth: '${CERT_REQS}' }, env).clientAuth).toBe('request')
    const override = { SALLYPORT__LISTENERS__0__TLS__CLIENT_AUTH: 'require' }
    expect(optionsOf(pair(), override).clientAuth).toBe('require')
  })

  it('key_password opens key_file, and password pfx_file, in certificates as well', () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const more = authority.issue({ subjectAltName: 'DNS:more.example' })
    const encrypted = leaf.encryptedKey('secret')
    const options = optionsOf({
      cert_file: leaf.certFile,
      key_file: encrypted,
      key_password: 'secret',
      certificates: [
        { pfx_file: more.pfx('other'), password: 'other' },
        { cert_file: leaf.certFile, key_file: encrypted, key_password: 'secret' },
      ],
    })
    const first = {
      kind: 'pem',
      certFile: leaf.certFile,
      keyFile: encrypted,
      keyPassword: 'secret',
    }
    expect(options.credentials).toEqual([
      first,
      { kind: 'pfx', pfxFile: more.certFile.replace(/crt$/, 'p12'), password: 'other' },
      first,
    ])
  })
})

describe('HTTP/2', () => {
  const CBC = 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'
  const GCM = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'

  it.each<[Record<string, unknown>, boolean]>([
    [{}, true],
    [{ min_version: '1.3' }, true],
    [{ cipher_suites: [CBC, GCM] }, true],
    [{ cipher_suites: [CBC] }, false],
    [{ min_version: '1.1' }, false],
  ])('is offered with %j: %j', (written, isOffered) => {
    const text = withTls({ ...pair(), ...written })
    expect(loadValid(text).options.listeners[0]?.http2).toBe(isOffered)
  })

  it.each<[Record<string, unknown>, RegExp]>([
    [
      { cipher_suites: [CBC] },
      /http2: expected HTTP\/2 only with an ECDHE suite of auth.* add such/,
    ],
    [{ min_version: '1.1' }, /http2: expected HTTP\/2 only with TLS 1\.2 or newer.* raise min_ver/],
  ])('is a fault when it is asked for with %j', (written, fault) => {
    const text = withTls({ ...pair(), ...written })
    expect(faultLines(text.replace('    tls:', '    http2: true\n    tls:'))).toEqual([
      expect.stringMatching(fault),
    ])
  })
})

describe('keys of tls that do not go together', () => {
  it.each<[Record<string, unknown>, string]>([
    [
      {},
      'tls: expected cert_file and key_file, or pfx_file, got none of them; add the files of a certificate',
    ],
    [
      { cert_file: 'a.crt' },
      'tls.cert_file: expected key_file beside it, got none; add key_file, or remove cert_file',
    ],
    [
      { key_file: 'a.key' },
      'tls.key_file: expected cert_file beside it, got none; add cert_file, or remove key_file',
    ],
    [
      { cert_file: 'a.crt', pfx_file: 'a.p12' },
      'tls.pfx_file: expected either pfx_file, or cert_file and key_file, got both; remove one of the two',
    ],
    [
      { pfx_file: 'a.p12', key_password: 'x' },
      'tls.key_password: expected key_file beside it, got none; add key_file, or remove key_password',
    ],
    [
      { cert_file: 'a.crt', key_file: 'a.key', password: 'x' },
      'tls.password: expected pfx_file beside it, got none; add pfx_file, or remove password',
    ],
    [
      { pfx_file: 'a.p12', certificates: [{ cert_file: 'b.crt' }] },
      'tls.certificates[0].cert_file: expected key_file beside it, got none; add key_file, or remove cert_file',
    ],
    [
      { pfx_file: 'a.p12', min_version: '1.3', max_version: '1.2' },
      'tls.min_version: expected at most max_version, "1.2", got "1.3"; lower it, or raise max_version',
    ],
    [
      { pfx_file: 'a.p12', max_version: '1.1' },
      'tls.max_version: expected at least min_version, which is "1.2" where it is not written, got "1.1"; raise it, or set min_version as well',
    ],
    [
      { pfx_file: 'a.p12', max_version: '1.2', curve_preferences: ['X25519MLKEM768'] },
      'tls.curve_preferences: expected at least one group of TLS 1.2, as max_version is "1.2", got groups of TLS 1.3 only; add X25519 or P-256, or set max_version to "1.3"',
    ],
    [
      {
        pfx_file: 'a.p12',
        min_version: '1.0',
        max_version: '1.1',
        cipher_suites: [
          'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
          'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256',
        ],
      },
      'tls.cipher_suites: expected at least one suite of TLS 1.1, as max_version is "1.1", got suites of TLS 1.2 only; add TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA or TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, or set max_version to "1.2" or above',
    ],
    [
      {
        pfx_file: 'a.p12',
        min_version: '1.3',
        cipher_suites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
      },
      'tls.cipher_suites: expected a listener that speaks TLS 1.2 or below, as the suites are for those, got min_version "1.3"; remove cipher_suites, or lower min_version',
    ],
    [
      { pfx_file: 'a.p12', client_auth: 'verify' },
      'tls.client_auth: expected client_ca_file beside it, got none; name the authorities that vouch for clients in client_ca_file',
    ],
    [
      { pfx_file: 'a.p12', client_ca_file: 'ca.crt' },
      'tls.client_ca_file: expected client_auth: verify beside it, got client_auth: none, which verifies nothing; set client_auth: verify, or remove client_ca_file',
    ],
    [
      { pfx_file: 'a.p12', client_auth: 'require', client_ca_file: 'ca.crt' },
      'tls.client_ca_file: expected client_auth: verify beside it, got client_auth: require, which verifies nothing; set client_auth: verify, or remove client_ca_file',
    ],
    [
      { pfx_file: 'a.p12', crl_file: 'ca.crl' },
      'tls.crl_file: expected client_ca_file beside it, whose lists these are, got none; add client_ca_file, or remove crl_file',
    ],
    [
      { pfx_file: 'a.p12', forward_client_identity: true },
      'tls.forward_client_identity: expected client_ca_file beside it, as only verified clients are told of, got none; add client_auth: verify and client_ca_file, or remove forward_client_identity',
    ],
  ])('are a fault: %j', (tls, expected) => {
    expect(complaints(tls)).toEqual([expected])
  })
})

describe('a value of tls that is none', () => {
  it('is a version without quotes', () => {
    const text = changed(LISTEN, `${LISTEN}\n    tls: {pfx_file: a.p12, min_version: 1.2}`)
    const line = faultLines(text).find((each) => each.includes('min_version'))
    expect(line).toMatch(
      /min_version: expected one of "1\.0", "1\.1", "1\.2", "1\.3", got 1\.2; write it in quotes, like "1\.2"$/,
    )
  })

  it.each(['TLS_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'TLS_RSA_WITH_RC4_128_SHA'])(
    'is the suite %s; the fault lists those that are',
    (suite) => {
      const [line] = complaints({ cipher_suites: [suite] })
      expect(line).toContain(
        `tls.cipher_suites[0]: expected a cipher suite of TLS 1.2 by its IANA name, got "${suite}"`,
      )
      for (const name of SUITE_NAMES) expect(line).toContain(name)
    },
  )

  it.each([
    [{ cipher_suites: [] }, /^tls\.cipher_suites: expected a list with at least one cipher suite/],
    [{ curve_preferences: [] }, /^tls\.curve_preferences: expected a list with at least one group/],
    [
      { curve_preferences: ['secp256r1'] },
      /^tls\.curve_preferences\[0\]: expected one of X25519MLKEM768,/,
    ],
    [
      { client_auth: 3 },
      /^tls\.client_auth: expected one of none, request, require, verify, got 3/,
    ],
    [{ client_auth: 'yes' }, /^tls\.client_auth: expected one of none/],
    [{ ticket_rotation: '1s' }, /^tls\.ticket_rotation: expected a duration from 1m to 7d/],
  ])('is %j', (tls, expected) => {
    expect(complaints({ ...pair(), ...tls })).toEqual([expect.stringMatching(expected)])
  })
})

describe('a fault in a file of tls', () => {
  it('is shown at the key that names the file', () => {
    const authority = testAuthority()
    const [leaf, expired] = [authority.issue(), authority.issue({ fromDay: -3, toDay: -1 })]
    const readable = authority.issue({ subjectAltName: 'DNS:a.example' })
    chmodSync(readable.keyFile, 0o644)
    const paths = faultsOf(
      withTls({
        pfx_file: leaf.pfx('secret'),
        password: 'hunter2',
        certificates: [
          { cert_file: expired.certFile, key_file: expired.keyFile },
          { cert_file: readable.certFile, key_file: readable.keyFile },
          {
            cert_file: leaf.certFile,
            key_file: leaf.encryptedKey('secret'),
            key_password: 'hunter2',
          },
        ],
        client_auth: 'verify',
        client_ca_file: leaf.keyFile,
      }),
    ).map(({ path }) => path.replace('listeners[0].', ''))
    expect(paths.toSorted()).toEqual([
      'tls.certificates[0].cert_file',
      'tls.certificates[1].key_file',
      'tls.certificates[2].key_password',
      'tls.client_ca_file',
      'tls.password',
    ])
  })

  it('never has a password in it', () => {
    const leaf = testAuthority().issue()
    const lines = faultLines(withTls({ pfx_file: leaf.pfx('secret'), password: 'hunter2' }))
    expect(lines).toHaveLength(1)
    expect(lines.join()).not.toMatch(/hunter2|secret/)
  })

  it('is that of suites for another key, at cipher_suites', () => {
    const cipher_suites = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256']
    expect(complaints({ ...pair(), cipher_suites })).toEqual([
      expect.stringMatching(
        /^tls\.cipher_suites: expected a suite with ECDSA in its name for an EC key/,
      ),
    ])
  })

  it('is that of a missing list, at crl_file', () => {
    const [one, other] = [testAuthority('One'), testAuthority('Other')]
    const tls = {
      ...pair(),
      client_auth: 'verify',
      client_ca_file: one.certFile,
      crl_file: other.crl(),
    }
    expect(complaints(tls)).toEqual([
      expect.stringMatching(
        /^tls\.crl_file: expected a revocation list of each authority.*got none of "One"/,
      ),
    ])
  })
})

describe('what is promised in tls and cannot be had', () => {
  const GCM = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
  const CBC = 'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'

  it.each<[Record<string, unknown>, readonly unknown[]]>([
    [
      { min_version: '1.0', cipher_suites: [GCM] },
      [
        expect.stringMatching(
          /^tls\.cipher_suites: none is of TLS 1\.1 or 1\.0, so that TLS 1\.0 cannot be had in spite of min_version: add \S+_CBC_SHA or \S+_CBC_SHA, or raise min_version$/,
        ),
      ],
    ],
    [
      { curve_preferences: ['X25519MLKEM768'] },
      [
        expect.stringMatching(
          /^tls\.curve_preferences: all are of TLS 1\.3, so that TLS 1\.2 cannot be had in spite of min_version: add X25519/,
        ),
      ],
    ],
    [{ min_version: '1.0' }, []],
    [{ min_version: '1.2', cipher_suites: [GCM] }, []],
    [{ min_version: '1.3', curve_preferences: ['X25519MLKEM768'] }, []],
    [{ curve_preferences: ['X25519MLKEM768', 'X25519'] }, []],
    [{ min_version: '1.1', max_version: '1.2', cipher_suites: [GCM, CBC] }, []],
  ])('is a warning: %j', (tls, expected) => {
    const { warnings } = loadValid(withTls({ ...pair(), ...tls }))
    const told = warnings.map(({ path, message }) => `${path}: ${message}`)
    const narrow = told.filter((line) => line.includes('cannot be had'))
    expect(narrow.map((line) => line.replace('listeners[0].', ''))).toEqual(expected)
  })
})

describe('what is unsafe in tls', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ min_version: '1.1' }, 'listeners[0].tls.min_version'],
    [{ cipher_suites: ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA'] }, 'listeners[0].tls.cipher_suites'],
    [{ client_auth: 'require' }, 'listeners[0].tls.client_auth'],
    [{ insecure_allow_readable_keys: true }, 'listeners[0].tls.insecure_allow_readable_keys'],
  ])('is a warning: %j', (tls, path) => {
    const { warnings } = loadValid(withTls({ ...pair(), ...tls }))
    expect(warnings.map((warning) => warning.path)).toEqual([path])
  })
})
