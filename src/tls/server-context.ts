// The TLS options of a listener, from its certificate and key. Anything wrong with those stops the start; there is no way
// from here to plain HTTP.
import { constants, type X509Certificate } from 'node:crypto'
import { SocketAddress, isIPv6 } from 'node:net'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { readMaterial, type CertificateFiles, type MaterialProblem } from './material.ts'

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

  constructor({ file, expected, got, mend }: MaterialProblem) {
    super(`${file}: expected ${expected}, got ${got}; ${mend}`)
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
export function loadServerContext(files: CertificateFiles, nowMs: number): ServerContext {
  const reading = readMaterial(files, nowMs)
  if (!reading.ok) throw new TlsMaterialError(reading.problems[0] as MaterialProblem)
  const { certPem: cert, keyPem: key, certificate } = reading.material
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
  return { options, hosts: hostsOf(certificate) }
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
