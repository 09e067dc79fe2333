// Certificate and key of a listener: read from their files, checked against each other, and turned into the TLS options
// of a server. Anything wrong stops the start; there is no way from here to plain HTTP.
import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SocketAddress, isIPv6 } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { isNodeError } from '../core/index.ts'

export interface CertificateFiles {
  /** PEM file with the certificate, leaf first, followed by its chain. */
  readonly certFile: string
  /** PEM file with the private key. */
  readonly keyFile: string
}

export interface ServerContext {
  /** For `tls.createServer`; always the complete set, since Node resets what is left out when a context is replaced. */
  readonly options: SecureContextOptions
  /** DNS names (lower case, wildcards as written) and IP addresses the certificate is for. */
  readonly hosts: readonly string[]
}

/** A certificate or key that a server cannot start with. The message names the file and the mend, never its content. */
export class TlsMaterialError extends Error {
  override readonly name = 'TlsMaterialError'
  readonly code = 'TLS_MATERIAL'
  readonly file: string

  constructor(file: string, complaint: string, cause?: unknown) {
    super(`${file}: ${complaint}`, cause === undefined ? undefined : { cause })
    this.file = file
  }
}

/** TLS 1.3's suites and those of 1.2 with forward secrecy and authenticated encryption; Node's own list has CBC in it. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

const HYBRID_GROUP = 'X25519MLKEM768'
const CLASSIC_GROUPS = ['X25519', 'P-256', 'P-384']

/**
 * Reads and checks the files.
 *
 * @throws TlsMaterialError when one is missing, unreadable, not PEM, expired, or when they do not belong together.
 */
export async function loadServerContext(
  { certFile, keyFile }: CertificateFiles,
  nowMs: number,
): Promise<ServerContext> {
  const [cert, key] = await Promise.all([
    readPem(certFile, 'a certificate'),
    readPem(keyFile, 'a private key'),
  ])
  const certificate = parseCertificate(certFile, cert, nowMs)
  checkKey(keyFile, key, certificate, certFile)
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    ecdhCurve: preferredGroups(),
    // A client could make the server redo the costly half of a handshake again and again (CVE-2011-1473).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  }
  try {
    createSecureContext(options)
  } catch (thrown) {
    throw new TlsMaterialError(
      certFile,
      'OpenSSL refuses the certificate or its chain; issue it anew with a P-256 or RSA-2048 key and SHA-256',
      thrown,
    )
  }
  return { options, hosts: hostsOf(certificate) }
}

async function readPem(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch (thrown) {
    if (isNodeError(thrown, 'ENOENT')) {
      throw new TlsMaterialError(file, `expected ${what}, found no file; correct the path`, thrown)
    }
    if (isNodeError(thrown, 'EACCES')) {
      throw new TlsMaterialError(
        file,
        `expected ${what}, may not read it; allow this user to`,
        thrown,
      )
    }
    throw new TlsMaterialError(file, `expected ${what}, cannot read it`, thrown)
  }
}

function parseCertificate(file: string, pem: string, nowMs: number): X509Certificate {
  let certificate: X509Certificate
  try {
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no certificate in PEM')
    certificate = new X509Certificate(pem)
  } catch (thrown) {
    throw new TlsMaterialError(
      file,
      'expected a certificate in PEM ("-----BEGIN CERTIFICATE-----"); convert DER with openssl x509 -inform der',
      thrown,
    )
  }
  if (Date.parse(certificate.validTo) <= nowMs) {
    throw new TlsMaterialError(file, `the certificate expired on ${certificate.validTo}; renew it`)
  }
  return certificate
}

// eslint-disable-next-line max-params -- both files are named in the complaints.
function checkKey(
  keyFile: string,
  pem: string,
  certificate: X509Certificate,
  certFile: string,
): void {
  let key
  try {
    key = createPrivateKey(pem)
  } catch (thrown) {
    throw new TlsMaterialError(
      keyFile,
      'expected a private key in PEM, not encrypted; decrypt it with openssl pkey',
      thrown,
    )
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new TlsMaterialError(
      keyFile,
      `the key does not belong to the certificate in ${certFile}; give the pair that was issued together`,
    )
  }
}

/** The post-quantum hybrid first where the runtime's OpenSSL has it; naming an unknown group would fail the start. */
function preferredGroups(): string {
  try {
    createSecureContext({ ecdhCurve: HYBRID_GROUP })
  } catch {
    return CLASSIC_GROUPS.join(':')
  }
  return [HYBRID_GROUP, ...CLASSIC_GROUPS].join(':')
}

/** `DNS:a.example, IP Address:0:0:0:0:0:0:0:1, …` → names and addresses. Names with odd characters come quoted: left out. */
function hostsOf({ subjectAltName }: X509Certificate): readonly string[] {
  const hosts: string[] = []
  for (const entry of subjectAltName?.split(', ') ?? []) {
    const [, kind, value = ''] = /^(DNS|IP Address):([^"]+)$/.exec(entry) ?? []
    if (kind === 'DNS') hosts.push(value.toLowerCase())
    if (kind === 'IP Address') hosts.push(isIPv6(value) ? shortIPv6(value) : value)
  }
  return hosts
}

function shortIPv6(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address
}
