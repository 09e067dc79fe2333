// Header fields of what is sent to an HTTP+SSE endpoint: the client's own, apart from what speaks of the other transport.
import type { RawHeaders } from '../../core/index.ts'
import { EVENT_STREAM, HEADER } from '../../wire/index.ts'

/** This transport has no session header, its streams cannot be resumed, and its POSTs have no answer of interest. */
const OF_STREAMABLE_HTTP: ReadonlySet<string> = new Set([
  HEADER.sessionId,
  'last-event-id',
  'accept',
  'content-type',
])

export function streamFields(headers: RawHeaders): RawHeaders {
  return [...without(headers), 'accept', EVENT_STREAM]
}

export function postFields(headers: RawHeaders): RawHeaders {
  return [...without(headers), 'content-type', 'application/json', 'accept', '*/*']
}

function without(headers: RawHeaders): readonly string[] {
  return headers.filter(
    (_, at) => !OF_STREAMABLE_HTTP.has((headers[at - (at % 2)] ?? '').toLowerCase()),
  )
}
