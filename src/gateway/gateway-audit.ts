// The audit trail over the life of one gateway: opened before anything else, told what is unsafe once it runs, closed last.
// What the events say is src/observability/audit.ts.
import {
  type Audit,
  type AuditContext,
  type AuditedSetting,
  AuditTrail,
  noAudit,
} from '../observability/index.ts'
import type { GatewayOptions } from './options.ts'

/** A setting that takes protection away, and the server whose endpoints it is about, if it is about one. */
export interface UnsafeSetting extends AuditedSetting {
  readonly server?: string
}

const { pid } = process

export class GatewayAudit {
  readonly #trail: AuditTrail | undefined
  #isRunning = false

  constructor({ audit }: Pick<GatewayOptions, 'audit'>, context: AuditContext) {
    this.#trail = audit && new AuditTrail(audit, context)
  }

  /** For parts that have events of their own. */
  get events(): Audit {
    return this.#trail ?? noAudit
  }

  /** @throws an error with code `AUDIT_FILE` when the file cannot be opened; its message has file and mend. */
  async open(): Promise<void> {
    await this.#trail?.start()
  }

  started(addresses: readonly string[], unsafe: readonly UnsafeSetting[]): void {
    this.#isRunning = true
    this.events.record('gateway_started', { pid, addresses, unsafe })
    for (const { server, option, problem } of unsafe) {
      if (server === undefined || option !== 'insecure_skip_verify') continue
      this.events.record(option, { server, problem })
    }
  }

  async reopen(): Promise<void> {
    await this.#trail?.reopen()
  }

  async stop(): Promise<void> {
    if (this.#isRunning) this.events.record('gateway_stopped', { pid })
    this.#isRunning = false
    await this.#trail?.stop()
  }
}

/** What is said of the gateway as a whole; parts have warnings of their own. */
export function unsafeAsWhole({
  insecureAllowPublic,
  listeners,
}: GatewayOptions): readonly UnsafeSetting[] {
  const isOpen = listeners.some(({ tls }) => tls?.clientAuth !== 'verify')
  if (!insecureAllowPublic || !isOpen) return []
  const option = 'insecure_allow_public'
  const problem = `${option}: callers from other machines are not authenticated`
  return [{ source: 'gateway', option, problem }]
}
