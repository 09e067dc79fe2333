// The audit trail: what happened to the gateway's security, one line of JSON per event, for whoever has to prove it later.
// Redaction is by allow-list, as in the log: what EVENTS does not name is not written. How lines get into the file is
// audit-file.ts.
import type { Clock } from '../core/index.ts'
import { AuditFile } from './audit-file.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { AuditOptions } from './options.ts'

/** A setting in force that takes protection away. */
export interface AuditedSetting {
  /** Which part has it: `gateway`, `listener 127.0.0.1:8443`, `server weather`. */
  readonly source: string
  /** The key of the configuration. */
  readonly option: string
  readonly problem: string
}

export interface AuditedMaterial {
  readonly role: string
  /** The file. */
  readonly where: string
  readonly subject: string
  /** RFC 3339. */
  readonly notAfter: string
}

/** Who somebody is by the certificate that was shown; nothing says that it is true. */
export interface AuditedCertificate {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  readonly fingerprint256: string
  readonly spiffeId?: string | undefined
}

/** What each event tells. None of it ever is a payload, a credential or a key. */
export interface AuditEvents {
  readonly gateway_started: {
    readonly pid: number
    readonly addresses: readonly string[]
    readonly unsafe: readonly AuditedSetting[]
  }
  readonly gateway_stopped: { readonly pid: number }
  readonly insecure_skip_verify: { readonly server: string; readonly problem: string }
  readonly tls_material_replaced: {
    readonly source: string
    readonly files: readonly string[]
    readonly material: readonly AuditedMaterial[]
  }
  readonly tls_material_refused: {
    readonly source: string
    readonly files: readonly string[]
    readonly problem: string
  }
  readonly client_certificate_refused: {
    readonly listener: string
    readonly remote: string
    readonly cause: string
    readonly reason: string
    /** Absent: none was shown, or nobody can say which. */
    readonly certificate?: AuditedCertificate | undefined
    /** Refusals since the last such event that were not told. */
    readonly untold?: number | undefined
  }
  /** Written by the trail itself, where events are missing. */
  readonly audit_gap: { readonly lost: number }
}

export type AuditEventName = keyof AuditEvents

type FieldsOf = { readonly [Name in AuditEventName]: readonly (keyof AuditEvents[Name])[] }

/** Every event and every field of it, in the order in which they are written. */
const EVENTS: FieldsOf = {
  gateway_started: ['pid', 'addresses', 'unsafe'],
  gateway_stopped: ['pid'],
  insecure_skip_verify: ['server', 'problem'],
  tls_material_replaced: ['source', 'files', 'material'],
  tls_material_refused: ['source', 'files', 'problem'],
  client_certificate_refused: ['listener', 'remote', 'cause', 'reason', 'certificate', 'untold'],
  audit_gap: ['lost'],
}

/** The same for what fields hold that is no text or number. */
const MEMBERS: ReadonlySet<string> = new Set<string>([
  'source',
  'option',
  'problem',
  'role',
  'where',
  'subject',
  'notAfter',
  'issuer',
  'serialNumber',
  'fingerprint256',
  'spiffeId',
] satisfies (keyof AuditedSetting | keyof AuditedMaterial | keyof AuditedCertificate)[])

export const auditEventNames = Object.keys(EVENTS) as readonly AuditEventName[]

/** Names in a certificate can be as long as whoever made it likes. */
const MAX_TEXT_CHARS = 1_024

export interface Audit {
  /** Never throws and never waits: what cannot be written is the trail's own trouble. */
  record<Name extends AuditEventName>(event: Name, fields: AuditEvents[Name]): void
}

/** Where no audit is configured. */
export const noAudit: Audit = { record: () => {} }

export interface AuditContext {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'auditFailures'>
  readonly clock: Clock
}

export class AuditTrail implements Audit {
  readonly #clock: Clock
  readonly #file: AuditFile

  constructor({ file }: AuditOptions, context: AuditContext) {
    this.#clock = context.clock
    this.#file = new AuditFile(file, {
      ...context,
      gapLine: (lost) => this.#line('audit_gap', { lost }),
    })
  }

  /** @throws AuditFileError when the file cannot be opened. */
  start(): Promise<void> {
    return this.#file.open()
  }

  record<Name extends AuditEventName>(event: Name, fields: AuditEvents[Name]): void {
    this.#file.append(this.#line(event, fields))
  }

  /** After a rotation: goes on in the file that has the name now, or in the old one when that cannot be opened. */
  reopen(): Promise<void> {
    return this.#file.reopen()
  }

  /** Writes what is held back and closes the file. */
  stop(): Promise<void> {
    return this.#file.close()
  }

  #line<Name extends AuditEventName>(event: Name, fields: AuditEvents[Name]): string {
    const line: Record<string, unknown> = {
      time: new Date(this.#clock.nowMs()).toISOString(),
      event,
    }
    for (const name of EVENTS[event]) line[String(name)] = writable(fields[name])
    return `${JSON.stringify(line)}\n`
  }
}

function writable(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MAX_TEXT_CHARS)
  if (Array.isArray(value)) return value.map(writable)
  if (typeof value !== 'object' || value === null) return value
  const known = Object.entries(value).filter(([name]) => MEMBERS.has(name))
  return Object.fromEntries(known.map(([name, member]) => [name, writable(member)]))
}
