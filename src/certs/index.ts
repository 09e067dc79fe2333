// Making certificates, keeping and renewing them, taking them back. Using them is left to tls/ and the listener.
export { makeAuthority } from './authority.ts'
export { CertificateError } from './certificate-error.ts'
export { publishCrl } from './crl.ts'
export {
  isTaken,
  keyPairFiles,
  makePrivateFolder,
  writeKeyPair,
  writeNewFile,
  type KeyPairFiles,
} from './files.ts'
export { issueAt, type Issued, type Passwords } from './issue-at.ts'
export type { AroundKey } from './keys.ts'
export { issueLeaf, type LeafRequest } from './leaf.ts'
export { parseSubjectName, type SubjectName } from './names.ts'
export { ensureAuthority, openAuthority } from './open-authority.ts'
export { parseCertificateFile, type ParsedFile } from './parse.ts'
export { renewAuthorityFiles, type Renewed, renewLeafFiles } from './renew.ts'
export { revoke } from './revoke.ts'
export { pairsOf, survey, type SurveyedCertificate } from './survey.ts'
export {
  authorityFiles,
  namesOf,
  type PairFiles,
  placeOf,
  type Role,
  unique,
  type LeafPlace,
} from './tree.ts'
export type { CertificateAndKey } from './x509.ts'
