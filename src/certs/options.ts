// What can be asked of a certificate, for the command line to list without loading what makes them.

/** What can be made. docs/decisions/2026-11-21-certificates-on-p-256.md says why the first is the default. */
export const keyTypes = ['ecdsa-p256', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const
export type KeyType = (typeof keyTypes)[number]
export const DEFAULT_KEY_TYPE: KeyType = 'ecdsa-p256'

/** The reasons of RFC 5280 §5.3.1 that fit a certificate of ours, by the names that it and openssl give them. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const
export type RevocationReason = keyof typeof revocationReasons

/** Little enough for every program to accept a server with it, and the most that Apple's did when it was set. */
export const DEFAULT_CERT_DAYS = 825
/** A server refuses every client once its list is over, so this is the longest that nobody may notice a broken `crl` job. */
export const DEFAULT_CRL_DAYS = 30
export const DEFAULT_TREE = 'certs/mcp'
