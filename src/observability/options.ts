// Options of what the gateway tells about itself.
import type { z } from 'zod'
import { choice, flag, section } from '../core/fields.ts'

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
