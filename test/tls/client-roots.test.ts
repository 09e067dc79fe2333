import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { testAuthority } from '../support/pki.ts'

const MODULE = pathToFileURL(resolve(import.meta.dirname, '../../src/tls/client-roots.ts')).href
const SCRIPT = `const { trustedRoots } = await import(${JSON.stringify(MODULE)})
const { X509Certificate } = await import('node:crypto')
const own = new X509Certificate(process.env.OWN).fingerprint256
const all = trustedRoots().map((pem) => new X509Certificate(pem).fingerprint256)
console.log(all.includes(own), all.length > 50)`

// What Node and the system trust is read once in a process, so each case has its own.
it.each([
  ['those that NODE_EXTRA_CA_CERTS adds', 'NODE_EXTRA_CA_CERTS', 'true true'],
  ['those of the system', 'SSL_CERT_FILE', 'true true'],
  ['no others', 'UNRELATED', 'false true'],
])('the trusted roots are those of Node and %s', (_, variable, expected) => {
  const { certFile, cert } = testAuthority()
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    env: { OWN: cert, [variable]: certFile },
    encoding: 'utf8',
  })
  expect(printed.trim()).toBe(expected)
})
