// The versions of TLS by the names people write, and what the old ones need.
import type { SecureVersion } from 'node:tls'

export const TLS_VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const

export type TlsVersion = (typeof TLS_VERSIONS)[number]

const NODE_NAMES: Readonly<Record<TlsVersion, SecureVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
}

/** The version as Node calls it. */
export function toNodeVersion(version: TlsVersion): SecureVersion {
  return NODE_NAMES[version]
}

/** `TLSv1.2` → `1.2`, for messages. */
export function versionName(nodeName: string): string {
  return nodeName === 'TLSv1' ? '1.0' : nodeName.replace(/^TLSv/, '')
}

/** TLS 1.0 and 1.1 must not be used any more (RFC 8996): they sign with SHA-1 and have no authenticated encryption. */
export function isDeprecated(version: TlsVersion): boolean {
  return version < '1.2'
}
