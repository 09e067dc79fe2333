// TLS options of a listener with everything a test does not care about filled in, as the config's defaults do.
import type { ServerTlsOptions } from '../../src/tls/index.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export function serverTlsOptions(
  files: CertificateFiles | readonly CertificateFiles[],
  overrides: Partial<ServerTlsOptions> = {},
): ServerTlsOptions {
  return {
    credentials: [files].flat().map(({ certFile, keyFile }) => {
      return { kind: 'pem', certFile, keyFile, keyPassword: undefined }
    }),
    minVersion: '1.2',
    maxVersion: '1.3',
    cipherSuites: undefined,
    curvePreferences: undefined,
    clientAuth: 'none',
    clientCaFile: undefined,
    crlFile: undefined,
    forwardClientIdentity: false,
    insecureAllowReadableKeys: false,
    ticketRotationMs: 3_600_000,
    ...overrides,
  }
}
