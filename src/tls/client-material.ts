// The files of a connection that the gateway makes, and the complete options of its context, or everything that is wrong
// with them.
import { createHash } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import { type Authorities, readAuthorities } from './authorities.ts'
import type { ClientTlsOptions } from './client-options.ts'
import { trustedRoots } from './client-roots.ts'
import { type Credential, readCredential } from './credential.ts'
import { chooseGroups } from './groups.ts'
import type { Reading } from './material.ts'
import type { Pin } from './pins.ts'
import { type PinsFile, readPins } from './pins-file.ts'
import type { Expiring } from './source.ts'
import { toOpensslCiphers } from './suites.ts'
import { isDeprecated, toNodeVersion } from './versions.ts'

export interface ClientMaterial {
  readonly files: readonly string[]
  readonly expiring: readonly Expiring[]
  /** Of which the peer's certificate must be one; empty: any. */
  readonly pins: readonly Pin[]
  /** Always the complete set. */
  readonly contextOptions: SecureContextOptions
  /** The same for the same content of the files. */
  readonly digest: string
}

export function readClientMaterial(
  options: ClientTlsOptions,
  nowMs: number,
): Reading<ClientMaterial> {
  const { caFile, credential: files, pinsFile } = options
  const pins = pinsFile === undefined ? NOTHING : readPins(pinsFile)
  const authorities = caFile === undefined ? NOTHING : readAuthorities(caFile, nowMs)
  const credential =
    files === undefined
      ? NOTHING
      : readCredential(files, {
          purpose: 'client',
          nowMs,
          insecureAllowReadableKeys: options.insecureAllowReadableKeys,
          lowersSecurityLevel: isDeprecated(options.minVersion),
        })
  if (!authorities.ok || !credential.ok || !pins.ok) {
    const readings: readonly Reading<unknown>[] = [authorities, credential, pins]
    return { ok: false, problems: readings.flatMap((it) => (it.ok ? [] : it.problems)) }
  }
  const parts = { authorities: authorities.value, credential: credential.value, pins: pins.value }
  return { ok: true, value: combine(options, parts) }
}

const NOTHING = { ok: true, value: undefined } as const

interface Parts {
  readonly authorities: Authorities | undefined
  readonly credential: Credential | undefined
  readonly pins: PinsFile | undefined
}

function combine(
  options: ClientTlsOptions,
  { authorities, credential, pins: pinsFile }: Parts,
): ClientMaterial {
  const pins = [...options.pins, ...(pinsFile?.pins ?? [])]
  const own = authorities?.pems ?? []
  const digest = createHash('sha256')
  for (const part of [...own, ...Object.values(credential?.context ?? {})]) {
    digest.update(`${part.length} ${part}`)
  }
  for (const { hex } of pins) digest.update(` ${hex}`)
  return {
    files: [authorities?.file ?? [], credential?.files ?? [], pinsFile?.file ?? []].flat(),
    pins,
    expiring: [...(authorities?.expiring ?? []), ...(credential?.expiring ?? [])],
    contextOptions: {
      ca: [...own, ...(options.systemRoots ? trustedRoots() : [])],
      ...credential?.context,
      minVersion: toNodeVersion(options.minVersion),
      maxVersion: toNodeVersion(options.maxVersion),
      ciphers: toOpensslCiphers(options.cipherSuites, options.minVersion),
      ecdhCurve: chooseGroups(options.curvePreferences).groups.join(':'),
    },
    digest: digest.digest('hex'),
  }
}
