// What every form of a credential is taken apart into.
import type { KeyObject } from 'node:crypto'
import type { Chain } from './chain.ts'
import type { EngineKey } from './engine-loading.ts'

export interface CredentialParts {
  readonly chain: Chain
  readonly key: KeyObject | EngineKey
  /** The file that the certificate is in. */
  readonly certFile: string
}
