// A tree of certificates in a folder of its own, made by the functions that the commands call.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  authorityFiles,
  ensureAuthority,
  issueAt,
  type LeafPlace,
  namesOf,
  type Passwords,
  placeOf,
  type Role,
  type SubjectName,
  unique,
} from '../../src/certs/index.ts'
import type { KeyType } from '../../src/certs/options.ts'
import type { Clock } from '../../src/core/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export interface TreeOptions {
  readonly dir?: string
  readonly keyType?: KeyType
  readonly days?: number
  readonly password?: string
  readonly clock?: Clock
}

export interface LeafOptions {
  readonly names?: readonly SubjectName[]
  readonly passwords?: Passwords
  readonly days?: number
}

export async function makeTree(options: TreeOptions = {}) {
  const { dir = join(temporaryFolder(), 'tree'), keyType = 'ecdsa-p256', days = 30 } = options
  const { password, clock } = options
  const common = { dir, keyType, days, ...(clock && { clock }) }
  const { authority } = await ensureAuthority({ ...common, password })
  return {
    dir,
    authority,
    ...authorityFiles(dir),
    make: async (role: Role, name?: string, leaf: LeafOptions = {}): Promise<LeafPlace> => {
      const place = placeOf(dir, role, name)
      await issueAt({
        ...common,
        authority,
        files: place,
        folder: place.folder,
        purpose: place.purpose,
        commonName: place.name,
        names: unique([...namesOf(place).names, ...(leaf.names ?? [])]),
        days: leaf.days ?? days,
        passwords: leaf.passwords ?? {},
      })
      return place
    },
  }
}

export const read = (path: string): string => readFileSync(path, 'utf8')
