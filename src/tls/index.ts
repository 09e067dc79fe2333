// Everything about TLS that is not speaking HTTP over it: contexts from files.
export { describeReadFailure } from './material.ts'
export { suitsHttp2 } from './suites.ts'
export { readServerMaterial, type ServerPart, type ServerProblem } from './server-material.ts'
export type { ServerTlsOptions } from './server-options.ts'
export {
  type ServerTlsDocument,
  serverTlsSchema,
  toClientAuth,
  toServerTlsOptions,
} from './server-options-schema.ts'
export { type CredentialDocument, keyIdentifierProblem } from './credential-options-schema.ts'
export { warnAboutServerTls } from './server-warnings.ts'
export { createServerTls, type ServerTls } from './server-tls.ts'
export { agreementOf } from './agreement.ts'
export { identityOf, peerLabel, presentedChain } from './identity.ts'
export type { PresentedChain } from './trust.ts'
export { FailureLog } from './failure-log.ts'
export {
  describeHandshakeFailure,
  type HandshakeFailure,
  NO_CLIENT_CERTIFICATE,
  NOT_TRUSTED_NOW,
} from './handshake-failure.ts'
export { ExpiryWatch, type ExpiryWarning } from './expiry.ts'
export { TlsReload, type ReloadProblem } from './reload.ts'
export type { Expiring, TlsSource } from './source.ts'
export { readClientMaterial } from './client-material.ts'
export { warnAboutClientTls } from './client-warnings.ts'
export { PeerRefused } from './client-failure.ts'
export { type ClientTlsOptions, DEFAULT_CLIENT_TLS } from './client-options.ts'
export {
  type ClientTlsDocument,
  clientTlsSchema,
  mergeClientTls,
  toClientTlsOptions,
} from './client-options-schema.ts'
export {
  type ClientHandshake,
  type ClientTls,
  createClientTls,
  type PeerAddress,
} from './client-tls.ts'
export type { MaterialPart } from './material.ts'
export { chooseGroups } from './groups.ts'
export { impossibleChoices } from './choices.ts'
