// A certificate from a PEM file whose key is inside a hardware security module: that the PIN can be read, and that the two
// belong together.
import type { EngineCredentialOptions } from './credential-options.ts'
import type { CredentialParts } from './credential-parts.ts'
import { readEngineKey } from './engine-key.ts'
import { failed, type Reading, readMaterialFile } from './material.ts'
import { readCertificates } from './pem-credential.ts'
import { isPin, type PinPlace } from './pkcs11-uri.ts'

/** Opens the key, for which this process logs in to the token. */
export function readEngineCredential({
  certFile,
  engineFile,
  uri,
}: EngineCredentialOptions): Reading<CredentialParts> {
  const certificates = readCertificates(certFile)
  const pin = readPin(uri.pin)
  if (!certificates.ok || !pin.ok) {
    return { ok: false, problems: [certificates, pin].flatMap((it) => (it.ok ? [] : it.problems)) }
  }
  const chain = certificates.value
  const [leaf] = chain
  const certificate = { cert: chain.map(String).join(''), leaf, certFile }
  const key = readEngineKey({ ...uri, engineFile, pin: pin.value }, certificate)
  return key.ok ? { ok: true, value: { chain, key: key.value, certFile } } : key
}

function readPin(place: PinPlace): Reading<string> {
  if (place.kind === 'value') return { ok: true, value: place.value }
  const what = { of: 'key-identifier', expected: 'a file with a PIN and nothing else' } as const
  const bytes = readMaterialFile(place.path, what)
  if (!bytes.ok) return bytes
  // Editors end a file with a line break, and a token would count it as a wrong PIN.
  const pin = bytes.value.toString('utf8').replace(/\r?\n$/, '')
  if (isPin(pin) && !/[\r\n]/.test(pin)) return { ok: true, value: pin }
  const got = bytes.value.length === 0 ? 'an empty one' : `${bytes.value.length} bytes`
  return failed({ ...what, file: place.path, got, mend: 'write the PIN into it, on one line' })
}
