// What is unsafe about the TLS of a listener, or left out of it: not wrong, but to be said at every start.
import { narrowChoices } from './choices.ts'
import { chooseGroups } from './groups.ts'
import type { ServerTlsOptions } from './server-options.ts'
import { weakSuites } from './suites.ts'
import { isDeprecated } from './versions.ts'

export interface ServerTlsWarning {
  /** The config key that it is about. */
  readonly key: string
  /** Without the key. */
  readonly message: string
}

export type WarnedOptions = Pick<
  ServerTlsOptions,
  | 'minVersion'
  | 'maxVersion'
  | 'cipherSuites'
  | 'curvePreferences'
  | 'clientAuth'
  | 'insecureAllowReadableKeys'
>

export function warnAboutServerTls(options: WarnedOptions): readonly ServerTlsWarning[] {
  const { minVersion, cipherSuites = [], curvePreferences, clientAuth } = options
  const warnings: ServerTlsWarning[] = []
  const warn = (key: string, message: string): void => void warnings.push({ key, message })
  if (isDeprecated(minVersion)) {
    const message = `TLS ${minVersion} is broken and must not be used (RFC 8996); the security level of OpenSSL is lowered for this listener`
    warn('min_version', message)
  }
  const weak = minVersion === '1.3' ? [] : weakSuites(cipherSuites)
  if (weak.length > 0) {
    warn('cipher_suites', `without forward secrecy or authenticated encryption: ${weak.join(', ')}`)
  }
  for (const { key, message } of narrowChoices(options)) warn(key, message)
  // The hybrids among the defaults are a bonus where there are any; what somebody wrote is a wish.
  const missing = curvePreferences === undefined ? [] : chooseGroups(curvePreferences).missing
  if (missing.length > 0) {
    warn('curve_preferences', `this runtime lacks ${missing.join(', ')}, left out`)
  }
  if (clientAuth === 'require') {
    warn('client_auth', 'certificates of clients are needed but not verified: anybody can make one')
  }
  if (options.insecureAllowReadableKeys) {
    warn('insecure_allow_readable_keys', 'keys are used although others can read their files')
  }
  return warnings
}
