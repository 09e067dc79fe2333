// What a server may show and want, what the gateway trusts and shows, and whether that goes together: the cells of the matrix
// that every way to a server or a plugin is held to.
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { afterAll, beforeAll } from 'vitest'
import { type ClientTlsOptions, DEFAULT_CLIENT_TLS } from '../../src/tls/index.ts'
import { parsePin } from '../../src/tls/pins.ts'
import { testAuthority, type TestAuthority, type TestLeaf } from '../support/pki.ts'

let authority: TestAuthority
let other: TestAuthority
let right: TestLeaf
let foreign: TestLeaf
let client: TestLeaf

/** Makes the certificates of the cells, for the tests of one file. */
export function useTlsCells(): void {
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'sallyport-')))
  beforeAll(() => {
    authority = testAuthority('Test CA', folders[0])
    other = testAuthority('Other CA', folders[1])
    foreign = other.issue()
    right = authority.issue()
    client = authority.issue({ commonName: 'gateway', purpose: 'clientAuth', subjectAltName: '' })
  })
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
}

const serves = ({ cert, key }: TestLeaf): TlsOptions => ({ cert, key })

const asksForCertificate = (): TlsOptions => ({
  ...serves(right),
  ca: authority.cert,
  requestCert: true,
  rejectUnauthorized: true,
})

const shows = ({ certFile, keyFile }: TestLeaf): Partial<ClientTlsOptions> => ({
  credential: { kind: 'pem', certFile, keyFile, keyPassword: undefined },
})

const pinned = (written: string): Partial<ClientTlsOptions> => ({
  pins: [parsePin(written)].flatMap((pin) => pin ?? []),
})

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const derOf = (leaf: TestLeaf): Buffer => new X509Certificate(leaf.cert).raw
const spkiOf = (leaf: TestLeaf): Buffer =>
  new X509Certificate(leaf.cert).publicKey.export({ type: 'spki', format: 'der' })

export interface TlsCell {
  readonly server: () => TlsOptions
  readonly options?: () => Partial<ClientTlsOptions>
  /** Undefined: it must be let through. */
  readonly refusal?: RegExp
}

const trusts = (): Partial<ClientTlsOptions> => ({})

export const TLS_CELLS: Readonly<Record<string, TlsCell>> = {
  right: { server: () => serves(right) },
  'wrong name': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test,DNS:two.test' })),
    refusal: /is not for 127\.0\.0\.1: it is for one\.test, two\.test$/,
  },
  'wrong name, unchecked': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ checkHostname: false }),
  },
  'another name, expected': {
    server: () => serves(authority.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ serverName: 'one.test' }),
  },
  'wrong CA': {
    server: () => serves(foreign),
    refusal: /signed by an unknown authority/,
  },
  'wrong CA, unchecked name': {
    server: () => serves(foreign),
    options: () => ({ checkHostname: false }),
    refusal: /signed by an unknown authority/,
  },
  'wrong CA, verification skipped': {
    server: () => serves(other.issue({ subjectAltName: 'DNS:one.test' })),
    options: () => ({ caFile: undefined, insecureSkipVerify: true }),
  },
  'wrong CA, with the roots of the system': {
    server: () => serves(right),
    options: () => ({ caFile: other.certFile, systemRoots: true }),
    refusal: /signed by an unknown authority/,
  },
  expired: {
    server: () => serves(authority.issue({ fromDay: -3, toDay: -1 })),
    refusal: /has expired/,
  },
  'not yet valid': {
    server: () => serves(authority.issue({ fromDay: 1, toDay: 3 })),
    refusal: /is not valid yet/,
  },
  'for clients only': {
    server: () => serves(authority.issue({ purpose: 'clientAuth' })),
    refusal: /is not for servers/,
  },
  'pinned right, by certificate': {
    server: () => serves(right),
    options: () => pinned(`sha256:${sha256(derOf(right)).toString('hex')}`),
  },
  'pinned right, by key': {
    server: () => serves(right),
    options: () => pinned(`sha256:${sha256(spkiOf(right)).toString('base64')}`),
  },
  'pinned right, by thumbprint': {
    server: () => serves(right),
    options: () => pinned(createHash('sha1').update(derOf(right)).digest('hex').toUpperCase()),
  },
  'pinned wrong': {
    server: () => serves(right),
    options: () => pinned(`sha256:${'ab'.repeat(32)}`),
    refusal: /is none of the pinned ones/,
  },
  'pinned right, but of the wrong CA': {
    server: () => serves(foreign),
    options: () => pinned(`sha256:${sha256(derOf(foreign)).toString('hex')}`),
    refusal: /signed by an unknown authority/,
  },
  'client certificate shown': { server: asksForCertificate, options: () => shows(client) },
  'client certificate withheld': {
    server: asksForCertificate,
    refusal: /wants a client certificate, and the gateway has none/,
  },
  'client certificate withheld, TLS 1.2': {
    server: () => ({ ...asksForCertificate(), maxVersion: 'TLSv1.2' }),
    refusal: /wants a client certificate and the gateway has none/,
  },
  'client certificate of the wrong CA': {
    server: asksForCertificate,
    options: () => shows(other.issue({ purpose: 'clientAuth' })),
    refusal: /gateway’s client certificate/,
  },
  'older than allowed': {
    server: () => ({ ...serves(right), maxVersion: 'TLSv1.2' }),
    options: () => ({ minVersion: '1.3' }),
    refusal: /no version of TLS in common/,
  },
}

/** What the gateway has in a cell. */
export function tlsOptionsIn({ options = trusts }: TlsCell): ClientTlsOptions {
  return { ...DEFAULT_CLIENT_TLS, caFile: authority.certFile, systemRoots: false, ...options() }
}

export const LET_THROUGH: readonly string[] = Object.keys(TLS_CELLS).filter(
  (cell) => TLS_CELLS[cell]?.refusal === undefined,
)

export const REFUSED: readonly { readonly cell: string; readonly refusal: RegExp }[] =
  Object.entries(TLS_CELLS).flatMap(([cell, { refusal }]) =>
    refusal === undefined ? [] : [{ cell, refusal }],
  )
