// What is unsafe about the options of a connection that the gateway makes, in words that are said at every start.
import type { ClientTlsOptions } from './client-options.ts'
import type { ClientTlsDocument } from './client-options-schema.ts'
import { narrowChoices } from './choices.ts'
import { chooseGroups } from './groups.ts'
import { weakSuites } from './suites.ts'
import { isDeprecated } from './versions.ts'

export interface ClientTlsWarning {
  /** The key of the configuration that asked for it. */
  readonly key: keyof ClientTlsDocument
  readonly message: string
}

export function warnAboutClientTls(options: ClientTlsOptions): readonly ClientTlsWarning[] {
  return [...aboutTrust(options), ...aboutStrength(options)]
}

function aboutTrust({ insecureSkipVerify, checkHostname, pins }: ClientTlsOptions) {
  const found: ClientTlsWarning[] = []
  if (insecureSkipVerify) {
    const message =
      'insecure_skip_verify: the certificate of the endpoint is not verified; whoever is on the way can read and change every call'
    found.push({ key: 'insecure_skip_verify', message })
  } else if (!checkHostname) {
    const message =
      'check_hostname is false: every certificate of a trusted authority is accepted, whatever names it has'
    found.push({ key: 'check_hostname', message })
  }
  if (pins.some(({ algorithm }) => algorithm === 'sha1')) {
    const message = 'pinned_certificates has SHA-1 thumbprints: write sha256: pins instead'
    found.push({ key: 'pinned_certificates', message })
  }
  return found
}

function aboutStrength(options: ClientTlsOptions): readonly ClientTlsWarning[] {
  const { minVersion, cipherSuites = [], curvePreferences = [], credential } = options
  const found: ClientTlsWarning[] = []
  if (isDeprecated(minVersion)) {
    const message = `min_version ${minVersion}: TLS below 1.2 is out of use, since it can be broken (RFC 8996)`
    found.push({ key: 'min_version', message })
  }
  const weak = weakSuites(cipherSuites)
  if (weak.length > 0) {
    found.push({ key: 'cipher_suites', message: `cipher_suites has weak ones: ${weak.join(', ')}` })
  }
  for (const { key, message } of narrowChoices(options)) {
    found.push({ key, message: `${key}: ${message}` })
  }
  const { missing } = chooseGroups(curvePreferences)
  if (missing.length > 0) {
    const message = `curve_preferences: this runtime lacks ${missing.join(', ')}, left out`
    found.push({ key: 'curve_preferences', message })
  }
  if (options.insecureAllowReadableKeys && credential !== undefined) {
    const message =
      'insecure_allow_readable_keys: the key of the client certificate may be readable by everybody on the machine'
    found.push({ key: 'insecure_allow_readable_keys', message })
  }
  return found
}
