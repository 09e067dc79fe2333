// What both forms of a credential are taken apart into.
import type { KeyObject } from 'node:crypto'
import type { Chain } from './chain.ts'

export interface CredentialParts {
  readonly chain: Chain
  readonly key: KeyObject
  /** The file that the certificate is in. */
  readonly certFile: string
}
