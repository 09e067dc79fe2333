// The throw-away certificate that every target presents: P-256, self-signed, for the loopback address, gone with the run.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export function makeCertificate(folder: string): CertificateFiles {
  const certFile = join(folder, 'bench.crt')
  const keyFile = join(folder, 'bench.key')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const files = ['-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', ['req', '-x509', ...newKey, '-days', '2', ...names, ...files], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return { certFile, keyFile }
}
