// Composition of what keeps TLS true while the gateway runs: reloading of the sources, expiry of what they hold, and the
// warnings about both that readiness shows.
import { basename } from 'node:path'
import type { Clock, Part } from '../core/index.ts'
import type { Listener } from '../listener/index.ts'
import type { Audit, Log, Metrics } from '../observability/index.ts'
import type { EndpointPool } from '../routing/index.ts'
import {
  ExpiryWatch,
  TlsReload,
  type Expiring,
  type ExpiryWarning,
  type ReloadProblem,
  type ServerTls,
  type TlsSource,
} from '../tls/index.ts'
import { sourceName } from './build-pools.ts'
import type { UnsafeSetting } from './gateway-audit.ts'

/** Shown of each kind at most; the metrics and the log have all. */
const MAX_SHOWN = 20

/** Callers of a listener are told what a monitor needs; the admin listener's are told where. */
export type Audience = 'public' | 'admin'

/** Something to mend that does not keep the gateway from taking calls. A JSON object of the answer to /readyz. */
export interface ReadinessWarning {
  readonly code: 'tls_reload_failed' | 'certificate_expiry' | 'unsafe_option'
  readonly [detail: string]: string | number
}

export interface TlsWatchContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly audit: Audit
  readonly intervalMs: number
  /** Complete once they are started. */
  readonly listeners: () => readonly Pick<Listener, 'tls'>[]
  readonly pools: () => readonly Pick<EndpointPool, 'server' | 'tlsSources' | 'warnings'>[]
}

export class TlsWatch implements Part {
  readonly #context: TlsWatchContext
  readonly #expiry: ExpiryWatch
  #reload: TlsReload | undefined

  constructor(context: TlsWatchContext) {
    this.#context = context
    this.#expiry = new ExpiryWatch(() => this.#sources, context)
  }

  async start(): Promise<void> {
    await this.#expiry.start()
    this.#reload = new TlsReload(this.#sources, {
      ...this.#context,
      onReloaded: (source) => {
        this.#expiry.check()
        this.#context.audit.record('tls_material_replaced', describeMaterial(source))
      },
      onRefused: ({ source, files, message: problem }) =>
        this.#context.audit.record('tls_material_refused', { source, files, problem }),
    })
    await this.#reload.start()
  }

  async stop(): Promise<void> {
    await this.#reload?.stop()
    await this.#expiry.stop()
  }

  /** Reads every file anew. Resolves when each source was tried once. */
  async reloadNow(): Promise<void> {
    await this.#reload?.reloadNow()
  }

  /** For endpoints: a peer showed this in a handshake. */
  readonly onPeerCertificate = (expiring: Expiring): void => {
    this.#expiry.onPeerCertificate(expiring)
  }

  warnings(audience: Audience): readonly ReadinessWarning[] {
    const problems = this.#reload?.problems ?? []
    return [
      ...problems.slice(0, MAX_SHOWN).map((it) => describeProblem(it, audience)),
      ...this.#expiry.warnings.slice(0, MAX_SHOWN).map((it) => describeExpiry(it, audience)),
      ...describeUnsafe(this.unsafe, audience),
    ]
  }

  get #sources(): readonly TlsSource[] {
    const ofPools = this.#context.pools().flatMap(({ tlsSources }) => tlsSources)
    return [...this.#ofListeners, ...ofPools]
  }

  get #ofListeners(): readonly ServerTls[] {
    return this.#context.listeners().flatMap(({ tls }) => tls ?? [])
  }

  /** What listeners, servers and plugins warn of at every start. Each sentence begins with the option: `insecure_skip_verify: …`. */
  get unsafe(): readonly UnsafeSetting[] {
    const ofListeners = this.#ofListeners.flatMap(({ name: source, warnings }) =>
      warnings.map((problem) => ({ source, option: optionOf(problem), problem })),
    )
    const ofPools = this.#context.pools().flatMap(({ server, warnings }) =>
      warnings.map((problem) => {
        return { source: sourceName(server), server, option: optionOf(problem), problem }
      }),
    )
    return [...ofListeners, ...ofPools]
  }
}

function describeMaterial({ name: source, files, expiring }: TlsSource) {
  const material = expiring.slice(0, MAX_SHOWN).map(({ role, where, subject, notAfterMs }) => {
    return { role, where, subject, notAfter: new Date(notAfterMs).toISOString() }
  })
  return { source, files, material }
}

function describeProblem(
  { source, sinceMs, message, files }: ReloadProblem,
  audience: Audience,
): ReadinessWarning {
  const problem = audience === 'admin' ? message : withoutFolders(message, files)
  return { code: 'tls_reload_failed', source, since: new Date(sinceMs).toISOString(), problem }
}

function describeExpiry(
  { expiring, daysLeft }: ExpiryWarning,
  audience: Audience,
): ReadinessWarning {
  const { role, where, subject, notAfterMs } = expiring
  return {
    code: 'certificate_expiry',
    role,
    notAfter: new Date(notAfterMs).toISOString(),
    daysLeft,
    ...(audience === 'admin' && { where, subject }),
  }
}

/** Which server can be impersonated is nothing to tell those who might: they get a number. */
function describeUnsafe(
  unsafe: readonly UnsafeSetting[],
  audience: Audience,
): readonly ReadinessWarning[] {
  const code = 'unsafe_option'
  if (audience === 'admin') {
    return unsafe.slice(0, MAX_SHOWN).map(({ option, source, problem }) => {
      return { code, option, source, problem }
    })
  }
  const counts = new Map<string, number>()
  for (const { option } of unsafe) {
    counts.set(option, (counts.get(option) ?? 0) + 1)
  }
  return [...counts].map(([option, count]) => ({ code, option, count }))
}

function optionOf(sentence: string): string {
  return /^\w*/.exec(sentence)?.[0] ?? ''
}

/** Names of files are of use to everyone who may mend them, those of folders only to who is on the machine. */
function withoutFolders(message: string, files: readonly string[]): string {
  const longestFirst = files.toSorted((a, b) => b.length - a.length)
  const known = longestFirst.reduce((text, file) => text.replaceAll(file, basename(file)), message)
  return known.replaceAll(/(?<![^\s"'(=])\/(?:[^\s/"';:,]+\/)+/g, '')
}
