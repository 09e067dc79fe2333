// Which certificate a client gets: by the name it asks for (SNI), then by what it can verify. A context holds one certificate
// per kind of key, and OpenSSL picks among those; this file decides which certificates share a context.
import type { SecureContext } from 'node:tls'
import type { Credential } from './credential.ts'
import { canonicalHost, hostsOf, wildcardFor } from './names.ts'

/** Node 22 and below serve an ECDSA certificate of the default context where SNI chose an RSA one (nodejs/node#54235). */
const FIRST_NODE_WITH_MIXED_SNI = 24

export interface ContextPlan {
  /** For clients without a name that a certificate is for. At least one. */
  readonly fallback: readonly Credential[]
  /** By host in canonical form, wildcards included. */
  readonly byHost: ReadonlyMap<string, readonly Credential[]>
}

/** For each host the first certificate of each kind of key. */
export function planContexts(credentials: readonly Credential[]): ContextPlan {
  const byHost = new Map<string, Credential[]>()
  for (const credential of credentials) {
    for (const host of hostsOf(credential.chain[0])) {
      const sharing = byHost.get(host) ?? []
      if (sharing.every(({ keyType }) => keyType !== credential.keyType)) sharing.push(credential)
      byHost.set(host, sharing)
    }
  }
  return { fallback: fallbackOf(credentials), byHost }
}

/** The first certificate, and those of other kinds for all of its hosts. */
function fallbackOf(credentials: readonly Credential[]): readonly Credential[] {
  const [first] = credentials
  const hosts = first === undefined ? [] : hostsOf(first.chain[0])
  const chosen: Credential[] = []
  for (const credential of credentials) {
    const own = new Set(hostsOf(credential.chain[0]))
    const isTwin =
      credential === first || (hosts.length > 0 && hosts.every((host) => own.has(host)))
    const isOtherKind = chosen.every(({ keyType }) => keyType !== credential.keyType)
    if (isTwin && isOtherKind) chosen.push(credential)
  }
  return chosen
}

/** Whether the plan asks for what this Node gets wrong: several contexts, with keys of more than one kind. */
export function isBeyondNode(
  { fallback, byHost }: ContextPlan,
  nodeVersion = process.versions.node,
): boolean {
  if (Number.parseInt(nodeVersion, 10) >= FIRST_NODE_WITH_MIXED_SNI) return false
  const all = [fallback, ...byHost.values()]
  const kinds = new Set(all.flatMap((each) => each.map(({ keyType }) => keyType)))
  return kinds.size > 1 && all.some((each) => idOf(each) !== idOf(fallback))
}

/** Whether the plan asks for a key in an engine beside another one, in one context. */
export function hasCrowdedEngine({ fallback, byHost }: ContextPlan): boolean {
  return [fallback, ...byHost.values()].some(
    (each) => each.length > 1 && each.some(({ context }) => 'privateKeyEngine' in context),
  )
}

/** The same for the same certificates, whatever the order. */
function idOf(credentials: readonly Credential[]): string {
  return credentials
    .map(({ chain }) => chain[0].fingerprint256)
    .toSorted()
    .join(' ')
}

/** Looks up the context for a name as a client sent it. */
export class ServerContexts {
  /** Undefined: the fallback, which must not lose a name of its own to somebody's wildcard. */
  readonly #byHost = new Map<string, SecureContext | undefined>()

  /** `create` is called once for the same certificates, and not for those of the fallback. */
  constructor(
    { fallback, byHost }: ContextPlan,
    create: (credentials: readonly Credential[]) => SecureContext,
  ) {
    const contexts = new Map<string, SecureContext | undefined>([[idOf(fallback), undefined]])
    for (const [host, credentials] of byHost) {
      const id = idOf(credentials)
      if (!contexts.has(id)) contexts.set(id, create(credentials))
      this.#byHost.set(host, contexts.get(id))
    }
  }

  /** Undefined: the fallback. */
  find(servername: string): SecureContext | undefined {
    const host = canonicalHost(servername)
    return this.#byHost.get(this.#byHost.has(host) ? host : wildcardFor(host))
  }
}
