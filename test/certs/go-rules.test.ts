// What Go's crypto/x509 and crypto/tls ask of certificates, where they ask more than OpenSSL, read from the bytes themselves.
import { X509Certificate } from 'node:crypto'
import { fromBER, Integer, type Sequence } from 'asn1js'
import { describe, expect, it } from 'vitest'
import { type ParsedFile, parseCertificateFile } from '../../src/certs/index.ts'
import { keyTypes } from '../../src/certs/options.ts'
import { makeTree, read } from './make-tree.ts'

type Parsed = ParsedFile['certificates'][number]

async function parse(file: string): Promise<Parsed> {
  const { certificates } = await parseCertificateFile(file)
  return certificates[0] as Parsed
}

/** The serial number as its bytes stand in the certificate. */
function serialBytes(file: string): Uint8Array {
  const { raw } = new X509Certificate(read(file))
  const [tbs] = (fromBER(new Uint8Array(raw)).result as Sequence).valueBlock.value as [Sequence]
  const serial = tbs.valueBlock.value.find((each) => each instanceof Integer) as Integer
  return serial.valueBlock.valueHexView
}

describe.each(keyTypes)('certificates with keys of type %s', { timeout: 60_000 }, (keyType) => {
  it('are what Go accepts', async () => {
    const tree = await makeTree({ keyType })
    const server = await tree.make('plugin', 'P')
    const client = await tree.make('gateway')
    const [ca, ...leaves] = await Promise.all(
      [tree.certFile, server.certFile, client.certFile].map(parse),
    )
    for (const file of [tree.certFile, server.certFile, client.certFile]) {
      const bytes = serialBytes(file)
      // Negative ones and those of more than 20 bytes are refused (RFC 5280 §4.1.2.2; Go 1.23).
      expect(bytes.length).toBeLessThanOrEqual(20)
      expect(bytes[0]).toBeLessThan(0x80)
    }
    expect(ca).toMatchObject({
      version: 3,
      isAuthority: true,
      keyUsage: ['keyCertSign', 'cRLSign'],
    })
    for (const leaf of leaves) {
      // Names come from the SAN alone since Go 1.15.
      expect(leaf.names.length).toBeGreaterThan(0)
      expect(leaf).toMatchObject({ version: 3, isAuthority: false, keyUsage: ['digitalSignature'] })
      // SHA-1 is refused since Go 1.18.
      expect(leaf.signature).toMatch(/with SHA-256$/)
      expect(leaf.authorityKeyIdentifier).toBe(ca?.subjectKeyIdentifier)
    }
    expect(leaves.map(({ extendedKeyUsage }) => extendedKeyUsage)).toEqual([
      ['serverAuth'],
      ['clientAuth'],
    ])
  })
})
