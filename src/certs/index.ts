// Making certificates. Using them is left to tls/ and the listener.
export { makeAuthority } from './authority.ts'
export {
  keyPairFiles,
  makePrivateFolder,
  writeKeyPair,
  type KeyPairFiles,
} from './files.ts'
export { issueLeaf, type LeafRequest } from './leaf.ts'
export type { SubjectName } from './names.ts'
export type { CertificateAndKey } from './x509.ts'
