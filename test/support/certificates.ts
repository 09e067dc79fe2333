// Certificates for tests, made with the openssl command: independent of the code that makes them in the product.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './temporary-folder.ts'

export interface TestCertificate {
  readonly certFile: string
  readonly keyFile: string
  /** The certificate itself, which is also the one to trust: it signs itself. */
  readonly ca: Buffer
}

export interface TestCertificateOptions {
  /** In the form of openssl's configuration: `DNS:localhost,IP:127.0.0.1`. */
  readonly subjectAltName?: string
  readonly key?: 'ec' | 'rsa'
}

const KEY_ARGUMENTS = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
}

/** How long the certificates hold. */
export const VALID_DAYS = 2

/** Makes a self-signed certificate and its key in a folder that goes with the test. */
export function issueCert(options: TestCertificateOptions = {}): TestCertificate {
  const { subjectAltName = 'DNS:localhost,IP:127.0.0.1', key = 'ec' } = options
  const folder = temporaryFolder()
  const [certFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${subjectAltName}`]
  const output = ['-keyout', keyFile, '-out', certFile, '-days', String(VALID_DAYS)]
  openssl('req', '-x509', '-nodes', ...KEY_ARGUMENTS[key], ...subject, ...output)
  return { certFile, keyFile, ca: readFileSync(certFile) }
}

export function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
