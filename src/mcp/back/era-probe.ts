// Asks a server which era it speaks, by the one request that every server of the modern era answers.
import type { Clock, GatewayError, RawHeaders } from '../../core/index.ts'
import type { Pool } from '../../routing/index.ts'
import { HEADER, META, MODERN_VERSIONS, type Era, type Inbound } from '../../wire/index.ts'
import { AnswerReader } from './answer-reader.ts'

/** `undefined`: the server did not answer in a way that tells. */
export type ProbedEra = Era | undefined

export interface ProbeOptions {
  /** End-to-end fields of whoever wants to know; see ViewOrigin. */
  readonly headers: RawHeaders
  readonly timeoutMs: number
  readonly clock: Clock
}

const MAX_ANSWER_BYTES = 1_048_576
const VERSION = MODERN_VERSIONS[0]
const PROBE_ID = 'sallyport-era'
/** Not an answer to the question: credentials are missing, or the server is busy (401, 403, 408, 413, 429). */
const NO_ANSWER: ReadonlySet<number> = new Set([401, 403, 407, 408, 413, 425, 429])
const MODERN_ERRORS: ReadonlySet<unknown> = new Set([-32_020, -32_021, -32_022])

/** Never rejects. */
export function probeEra(
  pool: Pool,
  { headers, timeoutMs, clock }: ProbeOptions,
): Promise<ProbedEra> {
  const { promise, resolve } = Promise.withResolvers<ProbedEra>()
  let status = 0
  let verdict: ProbedEra
  const reader = new AnswerReader(
    {
      onHead: (head) => {
        status = head.status
      },
      onMessage: (message) => {
        if (message['id'] !== PROBE_ID) return
        if ('result' in message) verdict = 'modern'
        else verdict = isModernError(message['error']) ? 'modern' : eraOfRefusal(status)
      },
      onEnd: () => resolve(verdict ?? eraOfRefusal(status)),
      onFailure: (error) => resolve(eraOfFailure(error)),
    },
    { maxMessageBytes: MAX_ANSWER_BYTES },
  )
  const call = pool.send(discoverRequest(headers), reader)
  reader.attach(call)
  const timer = clock.after(timeoutMs, () => {
    call.abort()
    resolve(undefined)
  })
  return promise.finally(() => timer.cancel())
}

function isModernError(error: unknown): boolean {
  return MODERN_ERRORS.has((error as { code?: unknown } | null)?.code)
}

/** "4xx without a recognized modern error" (MCP 2026-07-28 versioning §Backward compatibility); an error in a 200 is none either. */
function eraOfRefusal(status: number): ProbedEra {
  if (NO_ANSWER.has(status)) return undefined
  return status < 500 ? 'legacy' : undefined
}

function eraOfFailure({ code }: GatewayError): ProbedEra {
  return code === 'GW_WRONG_ERA' ? 'legacy' : undefined
}

function discoverRequest(headers: RawHeaders) {
  const _meta = { [META.protocolVersion]: VERSION, [META.clientCapabilities]: {} }
  const message = { jsonrpc: '2.0', id: PROBE_ID, method: 'server/discover', params: { _meta } }
  const inbound: Inbound = {
    era: 'modern',
    kind: 'request',
    method: 'server/discover',
    id: PROBE_ID,
    message,
    version: VERSION,
  }
  return {
    method: 'POST' as const,
    query: '',
    headers: [
      ...headers,
      'content-type',
      'application/json',
      'accept',
      'application/json, text/event-stream',
      HEADER.protocolVersion,
      VERSION,
      HEADER.method,
      'server/discover',
    ],
    body: Buffer.from(JSON.stringify(message)),
    inbound,
    sessionId: undefined,
    longLived: false,
  }
}
