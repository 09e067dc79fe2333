import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  issueLeaf,
  type LeafRequest,
  makeAuthority,
  type SubjectName,
  writeKeyPair,
} from '../../src/certs/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0, 500)

const localhost: readonly SubjectName[] = [
  { kind: 'dns', value: 'localhost' },
  { kind: 'ip', value: '127.0.0.1' },
  { kind: 'ip', value: '::1' },
]

const authority = await makeAuthority({ commonName: 'Test authority', validForMs: 30 * DAY_MS })

async function leafOf(request: Partial<LeafRequest> = {}): Promise<X509Certificate> {
  const { certPem } = await issueLeaf({
    authority,
    purpose: 'server',
    commonName: 'test',
    names: localhost,
    validForMs: DAY_MS,
    ...request,
  })
  return new X509Certificate(certPem)
}

describe.skipIf(!hasTool('openssl'))('openssl', () => {
  async function verify(purpose: LeafRequest['purpose'], asked: readonly string[]) {
    const folder = temporaryFolder()
    const leaf = await issueLeaf({
      authority,
      purpose,
      commonName: 'test',
      names: localhost,
      validForMs: DAY_MS,
    })
    const ca = await writeKeyPair({ folder, name: 'ca', pair: authority })
    const { certFile } = await writeKeyPair({ folder, name: 'leaf', pair: leaf })
    return run('openssl', ['verify', '-x509_strict', '-CAfile', ca.certFile, ...asked, certFile])
  }

  it.each([
    ['server', ['-purpose', 'sslserver', '-verify_hostname', 'localhost']],
    ['server', ['-purpose', 'sslserver', '-verify_ip', '127.0.0.1']],
    ['server', ['-purpose', 'sslserver', '-verify_ip', '::1']],
    ['client', ['-purpose', 'sslclient']],
  ] as const)('accepts a %s leaf by its strict rules for %j', async (purpose, asked) => {
    const { exitCode, output } = await verify(purpose, asked)
    expect(output).toMatch(/leaf\.crt: OK\n/)
    expect(exitCode).toBe(0)
  })

  it.each([
    [
      'server',
      ['-purpose', 'sslclient'],
      /unsuitable certificate purpose|unsupported certificate purpose/,
    ],
    [
      'client',
      ['-purpose', 'sslserver'],
      /unsuitable certificate purpose|unsupported certificate purpose/,
    ],
    ['server', ['-verify_hostname', 'example.com'], /hostname mismatch/i],
  ] as const)('refuses a %s leaf for %j', async (purpose, asked, reason) => {
    const { exitCode, output } = await verify(purpose, asked)
    expect(output).toMatch(reason)
    expect(exitCode).not.toBe(0)
  })

  it('finds in an authority what RFC 5280 asks of one', async () => {
    const folder = temporaryFolder()
    const { certFile, keyFile } = await writeKeyPair({ folder, name: 'ca', pair: authority })
    const { output } = await run('openssl', ['x509', '-in', certFile, '-noout', '-text'])
    expect(output).toMatch(/Version: 3 /)
    expect(output).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(output).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
    expect(output).toMatch(/Subject Key Identifier: \n\s+(?:[0-9A-F]{2}:){19}[0-9A-F]{2}\n/)
    const strict = await run('openssl', ['verify', '-x509_strict', '-CAfile', certFile, certFile])
    expect(strict.output).toMatch(/ca\.crt: OK/)
    const key = await run('openssl', ['pkey', '-in', keyFile, '-noout', '-text'])
    expect(key.output).toMatch(/NIST CURVE: P-256/)
  })
})

describe('a leaf', () => {
  it('is signed by its authority, every time', async () => {
    const { publicKey } = new X509Certificate(authority.certPem)
    // An ECDSA signature is two numbers whose length in DER differs by chance; about one in 128 has a shorter one.
    for (let time = 0; time < 40; time += 1) expect((await leafOf()).verify(publicKey)).toBe(true)
  })

  it('names what it stands for, in every form', async () => {
    const { subjectAltName } = await leafOf({
      names: [
        { kind: 'dns', value: '*.example.com' },
        { kind: 'ip', value: '10.0.0.255' },
        { kind: 'ip', value: '2001:db8::8:800:200c:417a' },
        { kind: 'ip', value: '::ffff:192.0.2.128' },
        { kind: 'ip', value: '::' },
        { kind: 'uri', value: 'spiffe://example.com/agent' },
      ],
    })
    expect(subjectAltName?.split(', ')).toEqual([
      'DNS:*.example.com',
      'IP Address:10.0.0.255',
      'IP Address:2001:DB8:0:0:8:800:200C:417A',
      'IP Address:0:0:0:0:0:FFFF:C000:280',
      'IP Address:0:0:0:0:0:0:0:0',
      'URI:spiffe://example.com/agent',
    ])
  })

  it.each<[SubjectName['kind'], string]>([
    ['dns', ''],
    ['dns', 'two words'],
    ['dns', '-dash.example.com'],
    ['dns', 'a..b'],
    ['dns', '*'],
    ['dns', '*.com*'],
    ['dns', 'bücher.example'],
    ['dns', `${'a'.repeat(64)}.example`],
    ['ip', '10.0.0.256'],
    ['ip', 'localhost'],
    ['ip', 'fe80::1%eth0'],
    ['uri', '/path'],
    ['uri', 'spiffe://exämple'],
  ])('is refused for the %s name %j', async (kind, value) => {
    await expect(leafOf({ names: [{ kind, value }] })).rejects.toThrow(/^subject name: expected/)
  })

  it('is refused for a server without a name, which no client would accept', async () => {
    await expect(leafOf({ names: [] })).rejects.toThrow('expected at least one for a server')
    await expect(leafOf({ names: [], purpose: 'client' })).resolves.toBeInstanceOf(X509Certificate)
  })

  it('begins a little in the past and lasts as long as was asked', async () => {
    const clock = manualClock(NOW_MS)
    const own = await makeAuthority({ commonName: 'own', validForMs: 10 * DAY_MS, clock })
    const leaf = await leafOf({ authority: own, clock })
    expect(new Date(leaf.validFrom).toISOString()).toBe('2026-11-21T11:55:00.000Z')
    expect(new Date(leaf.validTo).toISOString()).toBe('2026-11-22T12:00:00.000Z')
  })

  it('never outlives its authority', async () => {
    const clock = manualClock(NOW_MS)
    const own = await makeAuthority({ commonName: 'own', validForMs: DAY_MS, clock })
    const leaf = await leafOf({ authority: own, clock, validForMs: 7 * DAY_MS })
    expect(new Date(leaf.validTo).toISOString()).toBe('2026-11-22T12:00:00.000Z')
    clock.advance(2 * DAY_MS)
    await expect(leafOf({ authority: own, clock })).rejects.toThrow('the authority ended at')
  })

  it('can be dated past 2049, where the form of times changes', async () => {
    const clock = manualClock(NOW_MS)
    const own = await makeAuthority({ commonName: 'own', validForMs: 30 * 365 * DAY_MS, clock })
    expect(new Date(new X509Certificate(own.certPem).validTo).getUTCFullYear()).toBe(2056)
  })

  it('has a serial number of 128 bits that no other has', async () => {
    const serials = new Set<string>()
    for (let time = 0; time < 20; time += 1) {
      const { serialNumber } = await leafOf()
      // The first bit is 0, as a negative number would have a 1 there.
      expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
      serials.add(serialNumber)
    }
    expect(serials.size).toBe(20)
  })

  it('writes its key usage in DER, without trailing zero bits', async () => {
    // X.690 §11.2.2: a BIT STRING of two bytes, of which the first says how many bits of the second are not used.
    expect((await leafOf()).raw.includes(Buffer.from('03020780', 'hex'))).toBe(true)
    const { raw } = new X509Certificate(authority.certPem)
    expect(raw.includes(Buffer.from('03020106', 'hex'))).toBe(true)
  })

  it.each(['', 'x'.repeat(65)])('is refused for the common name %j', async (commonName) => {
    await expect(leafOf({ commonName })).rejects.toThrow('expected 1 to 64 characters')
  })

  it.each([0, -1, Number.NaN])('is refused for a life of %d ms', async (validForMs) => {
    await expect(leafOf({ validForMs })).rejects.toThrow('validForMs: expected more than 0')
  })
})
