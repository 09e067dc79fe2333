// What a session with a legacy server is given by the back that holds it.
import type { Clock, Deadlines } from '../../../core/index.ts'
import type { Log } from '../../../observability/index.ts'
import type { Pool } from '../../../routing/index.ts'
import type { CallAnswer } from './call-answer.ts'
import type { Notices } from './notices.ts'
import type { Parking } from './parking.ts'
import type { UpstreamSession } from './upstream-session.ts'

export interface UpstreamSessionContext {
  readonly pool: Pool
  readonly clock: Clock
  readonly notices: Notices
  readonly parking: Parking
  readonly drains: Deadlines<CallAnswer>
  readonly log: Log
  /** The server does not begin sessions, as if it were not of the legacy era. */
  readonly onWrongEra: () => void
  /** It takes no new calls; those under way may finish. */
  readonly onRetired: (session: UpstreamSession) => void
  /** Nothing is left of it. */
  readonly onOver: (session: UpstreamSession) => void
}
