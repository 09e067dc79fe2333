// A certificate with its chain and its key as a context takes them, or everything that is wrong with them. The same for a
// listener and for the gateway as a client. How the files are read is up to pem-credential.ts and pfx-credential.ts.
import { createSecureContext } from 'node:tls'
import { type Chain, chainProblem, nameOf } from './chain.ts'
import type { CredentialOptions } from './credential-options.ts'
import { fileModeProblem } from './file-mode.ts'
import type { MaterialProblem, Reading } from './material.ts'
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
  /** For `createSecureContext`. The key is not encrypted: it is in memory anyway. */
  readonly context: { readonly cert: string; readonly key: string }
  readonly expiring: readonly Expiring[]
}

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
  const parts = options.kind === 'pem' ? readPemCredential(options) : readPfxCredential(options)
  const keyFile = options.kind === 'pem' ? options.keyFile : options.pfxFile
  const mode = context.insecureAllowReadableKeys
    ? undefined
    : fileModeProblem(keyFile, options.kind === 'pem' ? 'key' : 'pfx')
  if (!parts.ok) {
    // A file that is not there has no rights either.
    const isTold = parts.problems.some(({ file }) => file === keyFile)
    return mode === undefined || isTold ? parts : { ok: false, problems: [...parts.problems, mode] }
  }
  const { key, chain, certFile } = parts.value
  const credential: Credential = {
    files: options.kind === 'pem' ? [options.certFile, options.keyFile] : [options.pfxFile],
    chain,
    keyType: key.asymmetricKeyType ?? 'unknown',
    context: {
      cert: chain.map(String).join(''),
      key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    },
    expiring: chain.map((each) => ({
      role: context.purpose,
      where: certFile,
      subject: nameOf(each),
      notBeforeMs: notBeforeMs(each),
      notAfterMs: notAfterMs(each),
    })),
  }
  const wrong = fitnessProblem(credential, context)
  const of = options.kind === 'pem' ? 'certificate' : 'pfx'
  const problems = [
    ...(wrong ? [{ of, file: certFile, ...wrong } as const] : []),
    ...(mode ? [mode] : []),
  ]
  return problems.length === 0 ? { ok: true, value: credential } : { ok: false, problems }
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
