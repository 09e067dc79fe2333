// The throw-away certificates that the targets present: self-signed, for the loopback address, gone with the run.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CertificateKey } from './tls/handshake.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

const NEW_KEY: Readonly<Record<CertificateKey, readonly string[]>> = {
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa2048: ['-newkey', 'rsa:2048'],
}

export function makeCertificate(folder: string, key: CertificateKey = 'p256'): CertificateFiles {
  const certFile = join(folder, `${key}.crt`)
  const keyFile = join(folder, `${key}.key`)
  const newKey = [...NEW_KEY[key], '-noenc']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const files = ['-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', ['req', '-x509', ...newKey, '-days', '2', ...names, ...files], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return { certFile, keyFile }
}
