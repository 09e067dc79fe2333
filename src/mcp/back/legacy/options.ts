// Options of the back for legacy servers: how many sessions the gateway keeps with a server on behalf of modern clients,
// for how long, and how many calls may wait for a client's input.
import { type DocumentOf, duration, integer, toMs } from '../../../core/fields.ts'

export interface LegacyBackOptions {
  /** Sessions with one server at once. */
  readonly maxSessions: number
  /** Of these, sessions on behalf of one caller, which has one per set of capabilities it declares. */
  readonly maxSessionsPerCaller: number
  /** A session without a call or subscription ends after this. */
  readonly sessionIdleTimeoutMs: number
  /** A session takes no new calls after this; those under way finish on it. */
  readonly sessionMaxLifetimeMs: number
  /** Calls of one server that wait for a client's input at once. */
  readonly maxParkedCalls: number
  /** Of these, calls of one caller. */
  readonly maxParkedCallsPerCaller: number
  /** How long a call waits for a client's input. */
  readonly parkedCallTimeoutMs: number
}

/** Also what a server gets of which the config says nothing. */
export const DEFAULT_LEGACY_BACK_OPTIONS: LegacyBackOptions = {
  maxSessions: 1_000,
  maxSessionsPerCaller: 16,
  sessionIdleTimeoutMs: 300_000,
  sessionMaxLifetimeMs: 14_400_000,
  // Well below max_connections, of which each takes one: others must still get through.
  maxParkedCalls: 128,
  maxParkedCallsPerCaller: 32,
  parkedCallTimeoutMs: 600_000,
}

/** The keys of a server that are about sessions held for clients of the modern era. */
export const legacyBackShape = {
  max_sessions: integer({ min: 1, max: 1_000_000 })
    .default(DEFAULT_LEGACY_BACK_OPTIONS.maxSessions)
    .describe(
      'Sessions that the gateway holds with a server of the legacy era for clients of the modern era. One more ends the one that was idle longest; with none idle the call fails with GW_UPSTREAM_OVERLOADED (503).',
    ),
  max_sessions_per_caller: integer({ min: 1, max: 1_000_000 })
    .default(DEFAULT_LEGACY_BACK_OPTIONS.maxSessionsPerCaller)
    .describe(
      'Of `max_sessions`, those for one caller. A caller needs one for each set of capabilities that its clients declare, and for each name they go by.',
    ),
  session_idle_timeout: duration({ min: '100ms', max: '7d' })
    .default('5m')
    .describe('Time without a call or subscription after which such a session is ended.'),
  session_max_lifetime: duration({ min: '1s', max: '24d' })
    .default('4h')
    .describe(
      'Age after which such a session takes no new calls; a new one replaces it. What is under way on it finishes, subscriptions move over.',
    ),
  max_parked_calls: integer({ min: 0, max: 1_000_000 })
    .default(DEFAULT_LEGACY_BACK_OPTIONS.maxParkedCalls)
    .describe(
      'Calls that wait while a client of the modern era gets the input their server of the legacy era asked for. Over HTTP/1.1 each keeps one of `max_connections`. One more is cancelled and fails with GW_UPSTREAM_OVERLOADED (503).',
    ),
  max_parked_calls_per_caller: integer({ min: 0, max: 1_000_000 })
    .default(DEFAULT_LEGACY_BACK_OPTIONS.maxParkedCallsPerCaller)
    .describe('Of `max_parked_calls`, those of one caller.'),
  parked_call_timeout: duration({ min: '100ms', max: '7d' })
    .default('10m')
    .describe(
      'How long such a call waits for the client to come back. Then it is cancelled at the server, and the client’s retry is refused.',
    ),
}

export function toLegacyBackOptions(
  document: DocumentOf<typeof legacyBackShape>,
): LegacyBackOptions {
  return {
    maxSessions: document.max_sessions,
    maxSessionsPerCaller: document.max_sessions_per_caller,
    sessionIdleTimeoutMs: toMs(document.session_idle_timeout),
    sessionMaxLifetimeMs: toMs(document.session_max_lifetime),
    maxParkedCalls: document.max_parked_calls,
    maxParkedCallsPerCaller: document.max_parked_calls_per_caller,
    parkedCallTimeoutMs: toMs(document.parked_call_timeout),
  }
}
