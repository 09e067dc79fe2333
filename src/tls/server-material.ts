// Everything that the TLS of a listener is made of, read from its files and checked, or everything that is wrong with it. The
// config reports the problems as faults with a line; a listener stops the start.
import { createHash } from 'node:crypto'
import { type Credential, readCredential } from './credential.ts'
import { chooseGroups, type GroupChoice } from './groups.ts'
import type { Complaint, MaterialPart } from './material.ts'
import type { ServerTlsOptions } from './server-options.ts'
import {
  type ContextPlan,
  hasCrowdedEngine,
  isBeyondNode,
  planContexts,
} from './server-contexts.ts'
import { type SuiteKey, suiteKeys } from './suites.ts'
import { readTrust, type Trust } from './trust.ts'
import { isDeprecated } from './versions.ts'

export interface ServerMaterial {
  readonly credentials: readonly Credential[]
  readonly plan: ContextPlan
  readonly trust: Trust
  readonly groups: GroupChoice
  /** Of everything that was read: the same when nothing changed. */
  readonly digest: string
}

/** A file, or what was chosen: it does not go with the files, or with this runtime. */
export type ServerPart = MaterialPart | 'certificates' | 'suites' | 'groups'

export interface ServerProblem extends Complaint {
  readonly of: ServerPart
  /** Which of the credentials it is about. */
  readonly credential?: number
}

export type ServerReading =
  | { readonly ok: true; readonly value: ServerMaterial }
  | { readonly ok: false; readonly problems: readonly ServerProblem[] }

export function readServerMaterial(options: ServerTlsOptions, nowMs: number): ServerReading {
  const readings = options.credentials.map((each) =>
    readCredential(each, {
      purpose: 'server',
      nowMs,
      insecureAllowReadableKeys: options.insecureAllowReadableKeys,
      lowersSecurityLevel: isDeprecated(options.minVersion),
    }),
  )
  const trust = readTrust(options, nowMs)
  const groups = chooseGroups(options.curvePreferences)
  const problems: ServerProblem[] = readings.flatMap((reading, credential) =>
    reading.ok ? [] : reading.problems.map((problem) => ({ ...problem, credential })),
  )
  if (!trust.ok) problems.push(...trust.problems)
  if (groups.groups.length === 0) problems.push(noGroups(groups.missing))
  const credentials = readings.flatMap((reading) => (reading.ok ? reading.value : []))
  problems.push(
    ...suiteProblems(
      options,
      readings.map((each) => each.ok && each.value),
    ),
  )
  const plan = planContexts(credentials)
  if (hasCrowdedEngine(plan)) problems.push(ENGINE_NOT_ALONE)
  else if (isBeyondNode(plan)) problems.push(MIXED_KINDS)
  if (problems.length > 0 || !trust.ok) return { ok: false, problems }
  return {
    ok: true,
    value: {
      credentials,
      plan,
      trust: trust.value,
      groups,
      digest: digestOf(credentials, trust.value),
    },
  }
}

const MIXED_KINDS: ServerProblem = {
  of: 'certificates',
  file: 'certificates',
  expected: 'certificates with one kind of key, as Node below 24 serves the wrong one otherwise',
  got: 'several kinds for several names',
  mend: 'use Node 24, issue them all with the same kind, or give each name a listener',
}

const ENGINE_NOT_ALONE: ServerProblem = {
  of: 'certificates',
  file: 'certificates',
  expected:
    'one certificate for each name where a key is in an engine, as Node takes no key beside it',
  got: 'several for one name, with keys of several kinds',
  mend: 'keep one of them, or give each name a listener',
}

function noGroups(missing: readonly string[]): ServerProblem {
  return {
    of: 'groups',
    file: 'curve_preferences',
    expected: 'at least one group that this runtime has',
    got: missing.join(', '),
    mend: 'add X25519',
  }
}

/** A certificate whose key goes with none of the suites could serve TLS 1.3 alone, and nobody would know why. */
function suiteProblems(
  { cipherSuites, minVersion }: ServerTlsOptions,
  credentials: readonly (Credential | false)[],
): readonly ServerProblem[] {
  if (cipherSuites === undefined || minVersion === '1.3') return []
  const keys = suiteKeys(cipherSuites)
  return credentials.flatMap((each, credential): ServerProblem[] => {
    if (each === false || keys.has(suiteKeyOf(each))) return []
    const [wanted, word] = suiteKeyOf(each) === 'rsa' ? ['RSA', 'an RSA'] : ['ECDSA', 'an EC']
    return [
      {
        of: 'suites',
        file: 'cipher_suites',
        expected: `a suite with ${wanted} in its name for ${word} key`,
        got: `none that goes with ${each.files[0]}`,
        mend: `add TLS_ECDHE_${wanted}_WITH_AES_256_GCM_SHA384`,
        credential,
      },
    ]
  })
}

/** Ed25519 and Ed448 sign in the suites of ECDSA (RFC 8422 §5.10). */
function suiteKeyOf({ keyType }: Credential): SuiteKey {
  return keyType.startsWith('rsa') ? 'rsa' : 'ec'
}

function digestOf(credentials: readonly Credential[], { fingerprint }: Trust): string {
  const hash = createHash('sha256').update(fingerprint)
  for (const { context } of credentials) {
    for (const part of Object.values(context)) hash.update(`${part.length} ${part}`)
  }
  return hash.digest('base64')
}
