// Options of what the gateway tells about itself.
import type { z } from 'zod'
import { choice, flag, path, section } from '../core/fields.ts'

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** One line per exchange at level info. */
  readonly access: boolean
}

export const logSchema = section({
  level: choice(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least serious level that is written. Log lines are JSON on standard error.'),
  access: flag()
    .default(false)
    .describe(
      'One line per exchange, at level `info`; with a higher `log.level` none are written.',
    ),
})

export type LogDocument = z.output<typeof logSchema>

export function toLogOptions(document: LogDocument): LogOptions {
  return { level: document.level, access: document.access }
}

export interface AuditOptions {
  /** Absolute. */
  readonly file: string
}

export const auditSchema = section({
  file: path('a file').describe(
    'File that gets one line of JSON per event, at its end. Made when missing, for its owner alone (0600), in a folder that is there. SIGHUP opens it anew, so that it can be rotated. A file that cannot be opened stops the start. Relative paths start at the folder of the config file.',
  ),
})

export type AuditDocument = z.output<typeof auditSchema>

export function toAuditOptions(
  { file }: AuditDocument,
  resolvePath: (written: string) => string,
): AuditOptions {
  return { file: resolvePath(file) }
}
