// What the gateway tells about itself: log and metrics.
export { createLog, silentLog, type Log, type LogFields } from './log.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export type { LogOptions } from './options.ts'
