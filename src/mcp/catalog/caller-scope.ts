// Which callers may see the same lists. What a server says is public is shared by callers with equal capabilities, since
// servers of both eras offer tools only to clients that can do what they need; all else by requests of one caller alone.
import type { ViewOrigin } from '../view/server-view.ts'

export interface CallerScope {
  /** Of what is public. */
  readonly shared: string
  /** Of what is private to the caller. */
  readonly own: string
}

export function scopeOf({ caller }: ViewOrigin): CallerScope {
  const shared = JSON.stringify(caller.capabilities)
  return { shared, own: `${shared}\n${caller.key}` }
}
