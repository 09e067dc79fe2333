// Options of the protocol stage: budgets of a message and of an event stream, and the keys that seal session ids.
import type { z } from 'zod'
import {
  type DocumentOf,
  duration,
  integer,
  list,
  secret,
  section,
  size,
  toBytes,
  toMs,
} from '../core/fields.ts'
import { channelLimitsSchema } from './front/channel/options.ts'
import { heldSessionsShape, replayShape, subscriptionLimitsShape } from './front/options.ts'

export interface McpLimits {
  readonly maxBodyBytes: number
  /** Nesting of objects and arrays. */
  readonly maxJsonDepth: number
  /** Values in one body, members and items together. */
  readonly maxJsonElements: number
  /** Silence on an event stream after which a comment line is sent to keep proxies from closing it. */
  readonly keepAliveMs: number
  /** A legacy call whose client left runs on at most this long. */
  readonly abandonedCallTimeoutMs: number
}

export interface SessionOptions {
  /** Secrets for sealing session ids, cursors and the state of calls that wait. The first seals, all of them open. Empty: one is made and kept in `stateDir`. */
  readonly keys: readonly string[]
}

/** The keys of `limits` that are about messages and streams; the listener brings the rest. */
export const messageLimitsShape = {
  ...subscriptionLimitsShape,
  channels: channelLimitsSchema.prefault({}).describe('Budgets of HTTP+SSE and WebSocket clients.'),
  max_body_bytes: size({ min: '1KiB', max: '256MiB' })
    .default('4MiB')
    .describe(
      'Largest request body. A longer one is answered with GW_BODY_TOO_LARGE (413), before any of it is read when `Content-Length` says so.',
    ),
  max_json_depth: integer({ min: 4, max: 1024 })
    .default(64)
    .describe(
      'Levels of objects and arrays in a request body. A deeper one is answered with GW_PARSE_ERROR (400).',
    ),
  max_json_elements: integer({ min: 16, max: 16_777_216 })
    .default(65_536)
    .describe(
      'Values in a request body, members and items together. A fuller one is answered with GW_PARSE_ERROR (400).',
    ),
  keep_alive: duration({ min: '100ms', max: '10m' })
    .default('15s')
    .describe(
      'Silence on an event stream after which a comment line is sent, so that proxies on the way do not close it.',
    ),
  abandoned_call_timeout: duration({ min: '100ms', max: '24h' })
    .default('5m')
    .describe(
      'How long a call of the legacy era runs on after its client has left, which the protocol does not count as a cancellation. Then the call is dropped. Not for an event stream that the client can resume at its server: its connection is closed at once, so that the server sees the loss.',
    ),
}

export const sessionsSchema = section({
  ...heldSessionsShape,
  replay: section(replayShape)
    .prefault({})
    .describe('What is kept for legacy clients that lost a stream of such a session.'),
  keys: list(
    secret({
      expected: 'a secret of at least 32 characters',
      mend: 'make one with: openssl rand -base64 32',
      minLength: 32,
    }),
    { expected: 'a list of secrets', mend: 'write ["${SESSION_KEY}"]' },
  )
    .default([])
    .describe(
      'Secrets that seal the session ids clients see, each at least 32 characters. The first seals, all of them open: put a new one in front to rotate. Replicas that share them serve each other’s sessions. Empty: one is made and kept in `state_dir`.',
    ),
})

export function toMcpLimits(limits: DocumentOf<typeof messageLimitsShape>): McpLimits {
  return {
    maxBodyBytes: toBytes(limits.max_body_bytes),
    maxJsonDepth: limits.max_json_depth,
    maxJsonElements: limits.max_json_elements,
    keepAliveMs: toMs(limits.keep_alive),
    abandonedCallTimeoutMs: toMs(limits.abandoned_call_timeout),
  }
}

export function toSessionOptions(document: z.output<typeof sessionsSchema>): SessionOptions {
  return { keys: [...document.keys] }
}
