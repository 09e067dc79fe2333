// An authority that the openssl command made, as the Makefile of other gateways does: it issues, renews and revokes like one
// of ours, whatever key identifier and key it has.
import { X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  issueAt,
  namesOf,
  openAuthority,
  placeOf,
  renewAuthorityFiles,
  renewLeafFiles,
  revoke,
} from '../../src/certs/index.ts'
import { openssl } from '../support/certificates.ts'
import { hasTool, run } from '../support/programs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { read } from './make-tree.ts'

const DAY_MS = 24 * 60 * 60 * 1000

const KEYS = {
  'RSA-2048': ['-newkey', 'rsa:2048'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'],
  'P-521': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1'],
}

function makeByOpenssl(key: readonly string[]): string {
  const dir = temporaryFolder()
  mkdirSync(join(dir, 'ca'))
  const files = ['-keyout', join(dir, 'ca/ca.key'), '-out', join(dir, 'ca/ca.crt')]
  const subject = '/CN=MCP-CA/O=MCPGateway/OU=Plugins'
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  openssl('req', '-x509', '-nodes', ...key, '-subj', subject, '-days', '90', ...usage, ...files)
  return dir
}

describe.skipIf(!hasTool('openssl')).each(Object.entries(KEYS))(
  'an authority of openssl with a key of %s',
  (_, key) => {
    it('issues, renews and revokes, and openssl verifies each by its strict rules', async () => {
      const dir = makeByOpenssl(key)
      const authority = await openAuthority(dir, undefined)
      const place = placeOf(dir, 'plugin', 'P')
      const { names } = namesOf(place)
      await issueAt({
        dir,
        authority,
        files: place,
        folder: place.folder,
        purpose: 'server',
        commonName: 'P',
        names,
        days: 30,
        keyType: 'ecdsa-p256',
        passwords: {},
      })
      const caFile = join(dir, 'ca/ca.crt')
      const verify = (...more: readonly string[]) =>
        run('openssl', [
          'verify',
          '-x509_strict',
          '-purpose',
          'sslserver',
          '-CAfile',
          caFile,
          ...more,
          place.certFile,
        ])
      expect((await verify()).output).toContain(': OK')

      const old = read(caFile)
      await renewAuthorityFiles({ dir, authority, days: 400 })
      expect(read(caFile)).not.toBe(old)
      expect((await verify()).output).toContain(': OK')
      const { subject, ca } = new X509Certificate(read(caFile))
      expect([subject, ca]).toEqual(['CN=MCP-CA\nO=MCPGateway\nOU=Plugins', true])

      const renewal = { dir, authority, files: place, days: 5, keepKey: false, passwords: {} }
      await renewLeafFiles(renewal)
      expect((await verify()).output).toContain(': OK')

      await revoke({
        dir,
        authority,
        what: place.certFile,
        reason: 'superseded',
        crlValidForMs: DAY_MS,
      })
      const bundle = join(dir, 'bundle.pem')
      writeFileSync(bundle, read(caFile) + read(join(dir, 'ca/ca.crl')))
      const refused = await verify('-crl_check', '-CAfile', bundle)
      expect(refused.output).toContain('certificate revoked')
    })
  },
)

describe.skipIf(!hasTool('openssl'))('a leaf of openssl', () => {
  it('keeps its subject, its names and all its uses when it is renewed', async () => {
    const dir = makeByOpenssl(KEYS['RSA-2048'])
    const place = placeOf(dir, 'plugin', 'Old')
    mkdirSync(place.folder, { recursive: true })
    const [csr, ext] = [join(dir, 'old.csr'), join(dir, 'old.ext')]
    writeFileSync(
      ext,
      'subjectAltName=DNS:old.example,IP:127.0.0.1,email:a@b.example\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n',
    )
    openssl(
      'req',
      '-new',
      '-nodes',
      ...KEYS['RSA-2048'],
      '-subj',
      '/CN=Old/O=MCPGateway',
      '-keyout',
      place.keyFile,
      '-out',
      csr,
    )
    const signing = [
      '-CA',
      join(dir, 'ca/ca.crt'),
      '-CAkey',
      join(dir, 'ca/ca.key'),
      '-CAcreateserial',
    ]
    openssl(
      'x509',
      '-req',
      '-in',
      csr,
      ...signing,
      '-days',
      '40',
      '-extfile',
      ext,
      '-out',
      place.certFile,
    )
    const old = new X509Certificate(read(place.certFile))
    const authority = await openAuthority(dir, undefined)
    // Not in the register: how long it was to last is read from itself.
    await renewLeafFiles({
      dir,
      authority,
      files: place,
      days: undefined,
      keepKey: false,
      passwords: {},
    })
    const renewed = new X509Certificate(read(place.certFile))
    expect(renewed.serialNumber).not.toBe(old.serialNumber)
    const same = ({ subject, subjectAltName, keyUsage, publicKey }: X509Certificate) => [
      subject,
      subjectAltName,
      keyUsage,
      publicKey.asymmetricKeyDetails?.modulusLength,
    ]
    expect(same(renewed)).toEqual(same(old))
    const lifeMs = Date.parse(renewed.validTo) - Date.parse(renewed.validFrom)
    expect(Math.round(lifeMs / DAY_MS)).toBe(40)
  })
})
