// A certificate with its chain and its key as a context takes them, or everything that is wrong with them. The same for a
// listener and for the gateway as a client. How the files are read is up to the files called after the forms that it has.
import { createSecureContext } from 'node:tls'
import { type Chain, chainProblem, nameOf } from './chain.ts'
import type { CredentialOptions } from './credential-options.ts'
import type { CredentialParts } from './credential-parts.ts'
import { readEngineCredential } from './engine-credential.ts'
import type { EngineKey } from './engine-loading.ts'
import { fileModeProblem } from './file-mode.ts'
import type { MaterialPart, MaterialProblem, Reading } from './material.ts'
import { readPemCredential } from './pem-credential.ts'
import { readPfxCredential } from './pfx-credential.ts'
import type { Expiring } from './source.ts'
import {
  notAfterMs,
  notBeforeMs,
  type Purpose,
  purposeProblem,
  validityProblem,
} from './validity.ts'

export interface Credential {
  /** Absolute, in the order of the options. */
  readonly files: readonly string[]
  readonly chain: Chain
  /** `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
  readonly keyType: string
  /** For `createSecureContext`. A key that is in memory is not encrypted there. */
  readonly context: CredentialContextOptions
  readonly expiring: readonly Expiring[]
}

export type CredentialContextOptions = { readonly cert: string } & (
  | { readonly key: string }
  | EngineKey
)

export interface CredentialContext {
  readonly purpose: Purpose
  readonly nowMs: number
  /** Take keys that everybody on the machine can read. */
  readonly insecureAllowReadableKeys: boolean
  /** Security level 0 takes keys and signatures that OpenSSL otherwise refuses; for TLS 1.1 and below. */
  readonly lowersSecurityLevel?: boolean
}

/** Reads the files and checks them by themselves and against each other; tells as many problems at once as it can. */
export function readCredential(
  options: CredentialOptions,
  context: CredentialContext,
): Reading<Credential> {
  const parts = readParts(options)
  const { files, secret } = placesOf(options)
  const mode =
    secret === undefined || context.insecureAllowReadableKeys
      ? undefined
      : fileModeProblem(secret.file, secret.of)
  if (!parts.ok) {
    // A file that is not there has no rights either.
    const isTold = parts.problems.some(({ file }) => file === secret?.file)
    return mode === undefined || isTold ? parts : { ok: false, problems: [...parts.problems, mode] }
  }
  const { key, chain, certFile } = parts.value
  const [leaf] = chain
  const credential: Credential = {
    files,
    chain,
    keyType: leaf.publicKey.asymmetricKeyType ?? 'unknown',
    context: { cert: chain.map(String).join(''), ...contextKey(key) },
    expiring: chain.map((each) => ({
      role: context.purpose,
      where: certFile,
      subject: nameOf(each),
      notBeforeMs: notBeforeMs(each),
      notAfterMs: notAfterMs(each),
    })),
  }
  const wrong = fitnessProblem(credential, context)
  const of = options.kind === 'pfx' ? 'pfx' : 'certificate'
  const problems = [
    ...(wrong ? [{ of, file: certFile, ...wrong } as const] : []),
    ...(mode ? [mode] : []),
  ]
  return problems.length === 0 ? { ok: true, value: credential } : { ok: false, problems }
}

function readParts(options: CredentialOptions): Reading<CredentialParts> {
  if (options.kind === 'pem') return readPemCredential(options)
  return options.kind === 'pfx' ? readPfxCredential(options) : readEngineCredential(options)
}

interface Places {
  readonly files: readonly string[]
  /** The one that others must not read. */
  readonly secret: { readonly file: string; readonly of: MaterialPart } | undefined
}

function placesOf(options: CredentialOptions): Places {
  if (options.kind === 'pfx') {
    return { files: [options.pfxFile], secret: { file: options.pfxFile, of: 'pfx' } }
  }
  if (options.kind === 'pem') {
    const { certFile, keyFile } = options
    return { files: [certFile, keyFile], secret: { file: keyFile, of: 'key' } }
  }
  const { certFile, uri } = options
  if (uri.pin.kind === 'value') return { files: [certFile], secret: undefined }
  const { path: file } = uri.pin
  return { files: [certFile, file], secret: { file, of: 'key-identifier' } }
}

function contextKey(key: CredentialParts['key']): { readonly key: string } | EngineKey {
  if ('privateKeyEngine' in key) return key
  return { key: key.export({ type: 'pkcs8', format: 'pem' }) as string }
}

/** Why a certificate with its own key can still not be used. */
function fitnessProblem(
  { chain, context }: Credential,
  { purpose, nowMs, lowersSecurityLevel = false }: CredentialContext,
): Pick<MaterialProblem, 'expected' | 'got' | 'mend'> | undefined {
  const problem =
    validityProblem(chain[0], nowMs) ??
    purposeProblem(chain[0], purpose) ??
    chainProblem(chain, nowMs)
  if (problem !== undefined) return problem
  try {
    createSecureContext({ ...context, ...(lowersSecurityLevel && { ciphers: 'ALL:@SECLEVEL=0' }) })
    return undefined
  } catch {
    // Its key is too short or its signature too weak for OpenSSL's security level; what the code says differs by version.
    return {
      expected: 'a certificate that OpenSSL serves with',
      got: 'one that it refuses',
      mend: 'issue it anew with a P-256 or RSA-2048 key and SHA-256',
    }
  }
}
