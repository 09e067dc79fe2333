// Certificates for tests, made with the openssl command: independent of the code that makes them in the product.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

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
  readonly notAfter?: string
}

const KEY_ARGUMENTS = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
}

/** Makes a self-signed certificate and its key in a folder that goes with the test. */
export function issueCert(options: TestCertificateOptions = {}): TestCertificate {
  const { subjectAltName = 'DNS:localhost,IP:127.0.0.1', key = 'ec', notAfter } = options
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [certFile, keyFile] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${subjectAltName}`]
  const output = ['-keyout', keyFile, '-out', certFile]
  openssl('req', '-x509', '-nodes', ...KEY_ARGUMENTS[key], '-days', '2', ...subject, ...output)
  if (notAfter !== undefined) reissue(certFile, keyFile, notAfter)
  return { certFile, keyFile, ca: readFileSync(certFile) }
}

/** `openssl x509` takes only days from now, `openssl ca` any date but needs a folder of its own. */
function reissue(certFile: string, keyFile: string, notAfter: string): void {
  const folder = join(certFile, '..')
  openssl('req', '-new', '-key', keyFile, '-subj', '/CN=test', '-out', join(folder, 'csr'))
  const config = join(folder, 'ca.cnf')
  writeCaFiles(folder, config)
  openssl(
    'ca', '-batch', '-config', config, '-selfsign', '-notext',
    '-keyfile', keyFile, '-in', join(folder, 'csr'), '-out', certFile,
    '-startdate', '20200101000000Z', '-enddate', notAfter,
  )
}

export function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
