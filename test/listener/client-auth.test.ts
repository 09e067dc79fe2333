// Who is let in by certificate: every mode with every kind of certificate, in real handshakes, and what the stages behind
// are told of the client.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Exchange } from '../../src/core/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'
import { issueCert } from '../support/certificates.ts'
import { sharedFolder } from '../support/shared-folder.ts'
import { serverTlsOptions } from '../support/tls-options.ts'
import { answerText, startListener, type TestListener } from './start-listener.ts'
import { visit, type TlsVisit } from './tls-client.ts'

const folder = sharedFolder()
const CERTIFICATES = ['none', 'self-signed', 'wrong CA', 'expired', 'revoked', 'right'] as const
const MODES = ['none', 'request', 'require', 'verify'] as const

type Shown = (typeof CERTIFICATES)[number]
type Mode = (typeof MODES)[number]

interface Pki {
  readonly authority: TestAuthority
  readonly server: TestLeaf
  readonly crlFile: string
  readonly leaves: Readonly<Record<Exclude<Shown, 'none' | 'self-signed'>, TestLeaf>>
}

let pki: Pki

function authorityIn(name: string): TestAuthority {
  mkdirSync(join(folder, name))
  return testAuthority(name, join(folder, name))
}

beforeAll(() => {
  const authority = authorityIn('clients')
  const client = {
    commonName: 'ada',
    purpose: 'clientAuth',
    subjectAltName: 'URI:spiffe://a.example/ada',
  }
  const leaves = {
    'wrong CA': authorityIn('others').issue(client),
    expired: authority.issue({ ...client, fromDay: -3, toDay: -1 }),
    revoked: authority.issue(client),
    right: authority.issue(client),
  }
  authority.revoke(leaves.revoked)
  pki = { authority, server: authority.issue(), crlFile: authority.crl(), leaves }
})

function pairOf(shown: Shown): { cert?: string | Buffer; key?: string | Buffer } {
  if (shown === 'none') return {}
  if (shown !== 'self-signed') {
    const { cert, key } = pki.leaves[shown]
    return { cert, key }
  }
  const { certFile, keyFile } = issueCert()
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) }
}

function start(clientAuth: Mode, overrides: Partial<ServerTlsOptions> = {}): Promise<TestListener> {
  const isJudging = clientAuth === 'request' || clientAuth === 'verify'
  return startListener({
    tls: serverTlsOptions(pki.server, {
      clientAuth,
      ...(isJudging && { clientCaFile: pki.authority.certFile, crlFile: pki.crlFile }),
      ...overrides,
    }),
    ca: Buffer.from(pki.authority.cert),
    onExchange: (exchange) => answerText(exchange, describePeer(exchange)),
  })
}

function describePeer({ peer }: Exchange): string {
  if (peer === undefined) return 'nobody'
  return `${peer.verified ? 'verified' : 'claimed'} ${peer.subject}`
}

/** What the stages behind see; '' where the connection does not get so far. */
const EXPECTED: Readonly<Record<Mode, Readonly<Record<Shown, string>>>> = {
  none: {
    none: 'nobody',
    'self-signed': 'nobody',
    'wrong CA': 'nobody',
    expired: 'nobody',
    revoked: 'nobody',
    right: 'nobody',
  },
  request: {
    none: 'nobody',
    'self-signed': 'claimed CN=test',
    'wrong CA': 'claimed CN=ada',
    expired: 'claimed CN=ada',
    revoked: 'claimed CN=ada',
    right: 'verified CN=ada',
  },
  require: {
    none: '',
    'self-signed': 'claimed CN=test',
    'wrong CA': 'claimed CN=ada',
    expired: 'claimed CN=ada',
    revoked: 'claimed CN=ada',
    right: 'claimed CN=ada',
  },
  verify: {
    none: '',
    'self-signed': '',
    'wrong CA': '',
    expired: '',
    revoked: '',
    right: 'verified CN=ada',
  },
}

describe.each(['1.2', '1.3'] as const)('over TLS %s', (version) => {
  describe.each([false, true])('with HTTP/2 %s', (http2) => {
    describe.each(MODES)('client_auth: %s', (mode) => {
      it.each(CERTIFICATES)('judges a client with certificate: %s', async (shown) => {
        const { port, ca, exchanges } = await start(mode)
        const { status, body }: TlsVisit = await visit({
          port,
          ca,
          version,
          http2,
          ...pairOf(shown),
        })
        const expected = EXPECTED[mode][shown]
        expect({ status, body }).toEqual({ status: expected === '' ? 0 : 200, body: expected })
        expect(exchanges).toHaveLength(expected === '' ? 0 : 1)
      })
    })
  })
})

describe('a verified client certificate', () => {
  const knock = async (
    options: Parameters<TestAuthority['issue']>[0],
    overrides: Partial<ServerTlsOptions> = {},
  ): Promise<number> => {
    const { port, ca } = await start('verify', overrides)
    const { cert, key } = pki.authority.issue(options)
    return (await visit({ port, ca, cert, key })).status
  }

  it.each([
    ['clientAuth', 200],
    ['serverAuth,clientAuth', 200],
    ['', 200],
    ['serverAuth', 0],
    ['codeSigning', 0],
  ])('with extended key usage "%s" is answered with %i', async (purpose, status) => {
    expect(await knock({ purpose })).toBe(status)
  })

  it('is refused before its time', async () => {
    expect(await knock({ purpose: 'clientAuth', fromDay: 1 })).toBe(0)
  })

  it('that is revoked is let in without crl_file', async () => {
    const { port, ca } = await start('verify', { crlFile: undefined })
    const { cert, key } = pki.leaves.revoked
    expect((await visit({ port, ca, cert, key })).status).toBe(200)
  })

  it('is one by the authority in client_ca_file, not by that of the listener’s own certificate', async () => {
    const others = authorityIn('listener-only')
    const { port } = await start('verify', {
      credentials: [{ kind: 'pfx', pfxFile: others.issue().pfx('secret'), password: 'secret' }],
      crlFile: undefined,
    })
    const ca = others.cert
    const right = pki.leaves.right
    const { cert, key } = others.issue({ purpose: 'clientAuth' })
    expect((await visit({ port, ca, cert: right.cert, key: right.key })).status).toBe(200)
    expect((await visit({ port, ca, cert, key })).status).toBe(0)
  })

  it('may come with the authority between it and the root', async () => {
    const { port, ca } = await start('verify', { crlFile: undefined })
    const below = pki.authority.intermediate()
    const { chainFile, keyFile, cert } = below.issue({ purpose: 'clientAuth' })
    const key = readFileSync(keyFile)
    expect((await visit({ port, ca, cert: readFileSync(chainFile), key })).status).toBe(200)
    expect((await visit({ port, ca, cert, key })).status).toBe(0)
  })
})

describe('the identity of a client', () => {
  it('has what the certificate says', async () => {
    const { port, ca, exchanges } = await start('verify', { crlFile: undefined })
    const leaf = pki.authority.issue({
      commonName: 'ada, the first',
      purpose: 'clientAuth',
      subjectAltName:
        'URI:spiffe://a.example/ada,DNS:ada.example,DNS:b.example,email:ada@a.example',
    })
    await visit({ port, ca, cert: leaf.cert, key: leaf.key })
    expect(exchanges[0]?.peer).toEqual({
      subject: 'CN=ada\\, the first',
      commonName: 'ada, the first',
      dnsNames: ['ada.example', 'b.example'],
      uris: ['spiffe://a.example/ada'],
      emails: ['ada@a.example'],
      spiffeId: 'spiffe://a.example/ada',
      fingerprint256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      serialNumber: expect.stringMatching(/^[0-9A-F]+$/) as string,
      issuer: 'CN=clients',
      verified: true,
    })
  })

  it('has no SPIFFE id when the certificate has several URIs', async () => {
    const { port, ca, exchanges } = await start('verify', { crlFile: undefined })
    const { cert, key } = pki.authority.issue({
      purpose: 'clientAuth',
      subjectAltName: 'URI:spiffe://a.example/ada,URI:https://a.example/',
    })
    await visit({ port, ca, cert, key })
    expect(exchanges[0]?.peer?.uris).toHaveLength(2)
    expect(exchanges[0]?.peer?.spiffeId).toBeUndefined()
  })

  it('has one name for a value that looks like several', async () => {
    const uri = 'spiffe://a.example/x, DNS:root.example'
    const { port, ca, exchanges } = await start('verify', { crlFile: undefined })
    const { cert, key } = pki.authority.issue({
      purpose: 'clientAuth',
      subjectAltName: '',
      extensions: ['subjectAltName=@names', '[names]', `URI=${uri}`],
    })
    await visit({ port, ca, cert, key })
    expect(exchanges[0]?.peer?.dnsNames).toEqual([])
    expect(exchanges[0]?.peer?.uris).toEqual([uri])
  })

  it('is not verified by the authorities that Node trusts when there is no client_ca_file', async () => {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, pki.authority.cert])
    onTestFinished(() => setDefaultCACertificates(before))
    const { port, ca, exchanges } = await start('request', {
      clientCaFile: undefined,
      crlFile: undefined,
    })
    const { cert, key } = pki.leaves.right
    await visit({ port, ca, cert, key })
    expect(exchanges[0]?.peer?.verified).toBe(false)
  })
})
