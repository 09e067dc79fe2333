// Options of the fronts of the working lane: what the gateway keeps for clients whose sessions and subscriptions are its own.
import { type DocumentOf, duration, integer, size, toBytes, toMs } from '../../core/fields.ts'

export interface FrontOptions {
  /** Sessions of legacy clients that the gateway holds itself, in all. */
  readonly maxSessions: number
  /** A session without a call or a stream for this long is ended. */
  readonly sessionIdleTimeoutMs: number
  /** Messages kept per session for clients that resume a stream. */
  readonly replay: { readonly maxBytes: number; readonly maxAgeMs: number }
  /** Time a legacy client has to answer what a modern server asks of it. */
  readonly answerTimeoutMs: number
  /** Open `subscriptions/listen` streams of modern clients, in all. */
  readonly maxSubscriptions: number
  readonly maxSubscriptionsPerCaller: number
}

/** Keys of `sessions`, beside `keys`. */
export const heldSessionsShape = {
  max_sessions: integer({ min: 1, max: 1_000_000 })
    .default(10_000)
    .describe(
      'Sessions that the gateway holds itself: those of legacy clients of a modern server, or of several servers on one route. One more takes the place of the one that was idle longest; when none is idle, it is refused with GW_TOO_MANY_SESSIONS (503).',
    ),
  idle_timeout: duration({ min: '1s', max: '7d' })
    .default('30m')
    .describe(
      'Time without a call and without an open stream after which such a session is ended. Its next request is answered with GW_SESSION_NOT_FOUND (404), and the client initializes again.',
    ),
  answer_timeout: duration({ min: '1s', max: '24h' })
    .default('10m')
    .describe(
      'How long a legacy client, or the person before it, has to answer what a modern server asks during a call (sampling, elicitation, roots). Then the call ends with an error.',
    ),
}

/** Keys of `sessions.replay`. */
export const replayShape = {
  max_bytes: size({ min: '1KiB', max: '1GiB' })
    .default('1MiB')
    .describe(
      'Messages kept per session for a client that resumes a stream with `Last-Event-ID`, and for one whose event stream is not open. The oldest go first; a client that comes for them is told how many are gone.',
    ),
  max_age: duration({ min: '1s', max: '24h' })
    .default('5m')
    .describe('How long such messages are kept.'),
}

/** Keys of `limits`. */
export const subscriptionLimitsShape = {
  max_subscriptions: integer({ min: 1, max: 1_000_000 })
    .default(1_024)
    .describe(
      'Open `subscriptions/listen` streams on routes that do not pass messages through unchanged. One more is refused with GW_TOO_MANY_SUBSCRIPTIONS (503).',
    ),
  max_subscriptions_per_caller: integer({ min: 1, max: 1_000_000 })
    .default(64)
    .describe('The same for one caller.'),
}

export interface FrontDocuments {
  readonly sessions: DocumentOf<typeof heldSessionsShape>
  readonly replay: DocumentOf<typeof replayShape>
  readonly limits: DocumentOf<typeof subscriptionLimitsShape>
}

export function toFrontOptions({ sessions, replay, limits }: FrontDocuments): FrontOptions {
  return {
    maxSessions: sessions.max_sessions,
    sessionIdleTimeoutMs: toMs(sessions.idle_timeout),
    answerTimeoutMs: toMs(sessions.answer_timeout),
    replay: { maxBytes: toBytes(replay.max_bytes), maxAgeMs: toMs(replay.max_age) },
    maxSubscriptions: limits.max_subscriptions,
    maxSubscriptionsPerCaller: limits.max_subscriptions_per_caller,
  }
}
