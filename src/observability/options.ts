// Options of what the gateway tells about itself.

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  /** One line per exchange at level info. */
  readonly access: boolean
}
