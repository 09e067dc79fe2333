import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isPinned, parsePin } from '../../src/tls/pins.ts'
import { issueCert, openssl } from '../support/certificates.ts'
import { execFileSync } from 'node:child_process'

const HEX = 'ab'.repeat(32)

describe('a pin', () => {
  it.each([
    ['hex', `sha256:${HEX}`],
    ['hex in capitals', `sha256:${HEX.toUpperCase()}`],
    ['hex with colons, as openssl prints it', `SHA256:${HEX.match(/../g)?.join(':')}`],
    ['the line of openssl', `sha256 Fingerprint=${HEX.toUpperCase().match(/../g)?.join(':')}`],
    ['the line of openssl 1.1', `SHA256 Fingerprint=${HEX.match(/../g)?.join(':')}`],
    ['base64', `sha256:${Buffer.from(HEX, 'hex').toString('base64')}`],
    ['base64url', `sha256:${Buffer.from(HEX, 'hex').toString('base64url')}`],
  ])('is read in %s', (_, written) => {
    expect(parsePin(written)).toEqual({ algorithm: 'sha256', hex: HEX })
  })

  it.each(['A1'.repeat(20), 'a1'.repeat(20), Array.from({ length: 20 }, () => 'A1').join(':')])(
    'is read from the thumbprint %s',
    (written) => {
      expect(parsePin(written)).toEqual({ algorithm: 'sha1', hex: 'a1'.repeat(20) })
    },
  )

  it.each([
    '',
    'sha256:',
    HEX,
    `sha256:${HEX}ab`,
    `sha256:${HEX.slice(1)}`,
    `sha256: ${HEX}`,
    `sha1:${'a1'.repeat(20)}`,
    `sha256 Fingerprint=${'a1'.repeat(20)}`,
    `sha1 Fingerprint=${HEX}`,
    'A1B2C3D4E5F6...',
    `sha256:${'A'.repeat(42)}`,
    `sha256:${'A'.repeat(44)}`,
  ])('is not %j', (written) => {
    expect(parsePin(written)).toBeUndefined()
  })
})

describe('a certificate', () => {
  it('is told by the digests that openssl prints, and by no others', () => {
    const { certFile, ca } = issueCert()
    const certificate = new X509Certificate(ca)
    const printed = (digest: string): string =>
      execFileSync('openssl', ['x509', '-in', certFile, '-noout', '-fingerprint', digest])
        .toString()
        .trim()
        .replace(/^.*=/, '')
    openssl('x509', '-in', certFile, '-pubkey', '-noout', '-out', `${certFile}.pub`)
    openssl(
      'pkey',
      '-pubin',
      '-in',
      `${certFile}.pub`,
      '-outform',
      'der',
      '-out',
      `${certFile}.der`,
    )
    const spki = execFileSync('openssl', ['dgst', '-sha256', '-binary', `${certFile}.der`])
    const pins = [
      `sha256:${printed('-sha256')}`,
      `sha256:${spki.toString('base64')}`,
      printed('-sha1'),
    ].flatMap((written) => parsePin(written) ?? [])
    expect(pins).toHaveLength(3)
    for (const pin of pins) expect(isPinned(certificate, [pin])).toBe(true)
    const other = new X509Certificate(issueCert().ca)
    expect(isPinned(other, pins)).toBe(false)
    expect(isPinned(certificate, [])).toBe(false)
  })
})
