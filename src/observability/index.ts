// What the gateway tells about itself: log, metrics, audit trail.
export {
  type Audit,
  type AuditContext,
  type AuditedCertificate,
  type AuditedSetting,
  auditEventNames,
  AuditTrail,
  noAudit,
} from './audit.ts'
export { createLog, silentLog, type Log, type LogFields } from './log.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export type { LogOptions } from './options.ts'
