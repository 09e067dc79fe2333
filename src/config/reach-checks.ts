// Who may be reached from other machines. Beyond loopback callers must be known, which today means by certificate.
import { isLoopback } from '../admission/index.ts'
import { parseAddress } from '../listener/options-schema.ts'
import { toClientAuth } from '../tls/index.ts'
import type { Finding, Remark } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import type { ListenerDocument } from './schema.ts'

const UNKNOWN_CALLERS = {
  expected:
    'a loopback address, or tls with client_auth: verify, as nothing else authenticates callers yet',
  mend: 'listen on 127.0.0.1, set client_auth: verify with client_ca_file, or set insecure_allow_public: true',
}

const PASSED_ON = {
  expected: 'a loopback address, as nothing authenticates callers here',
  mend: 'listen on 127.0.0.1, or set insecure_allow_public: true',
}

export function checkReach({ insecureAllowPublic, listeners, passthroughs }: Draft): Finding[] {
  if (insecureAllowPublic) return []
  const open = [
    ...listeners
      .filter(({ value }) => !verifiesCallers(value))
      .map(({ index, value: { listen } }) => ({ index, listen, ...UNKNOWN_CALLERS })),
    ...passthroughs.map(({ index, value: { listen } }) => ({ index, listen, ...PASSED_ON })),
  ]
  return open
    .filter(({ listen }) => !isLoopbackAddress(listen))
    .map(({ index, listen, ...rest }) => ({
      path: ['listeners', index, 'listen'],
      got: JSON.stringify(listen),
      ...rest,
    }))
}

export function remarksOnReach({ insecureAllowPublic, listeners, passthroughs }: Draft): Remark[] {
  if (!insecureAllowPublic) return []
  const path = ['insecure_allow_public']
  const verifyingCount = listeners.filter(({ value }) => verifiesCallers(value)).length
  if (verifyingCount === listeners.length + passthroughs.length) {
    return [{ path, message: 'not needed: every listener verifies callers by certificate' }]
  }
  const message =
    verifyingCount === 0
      ? 'nothing authenticates callers: whoever reaches a listener can call every server'
      : 'nothing authenticates callers where client_auth is not verify: whoever reaches such a listener can call every server'
  return [{ path, message }]
}

export function isLoopbackAddress(listen: string): boolean {
  const host = parseAddress(listen)?.host
  return host !== undefined && isLoopback(host)
}

function verifiesCallers({ tls }: ListenerDocument): boolean {
  if (tls === undefined || tls.client_ca_file === undefined) return false
  return toClientAuth(tls.client_auth) === 'verify'
}
