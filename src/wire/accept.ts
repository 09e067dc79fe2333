// Whether a client takes what an endpoint sends (RFC 9110 §12.5.1). MCP clients must list both media types on POST and
// the event stream on GET (MCP 2025-11-25 transports §Sending messages); a wildcard covers them, as does no Accept at all.
import type { RawHeaders } from '../core/index.ts'
import { EVENT_STREAM } from './event-stream.ts'

const JSON_TYPE = 'application/json'

export function acceptsAnswer(headers: RawHeaders, method: 'POST' | 'GET'): boolean {
  const ranges = mediaRanges(headers)
  if (ranges.size === 0) return true
  return covers(ranges, EVENT_STREAM) && (method === 'GET' || covers(ranges, JSON_TYPE))
}

/** Media ranges of all Accept fields with their weight. */
function mediaRanges(headers: RawHeaders): ReadonlyMap<string, number> {
  const ranges = new Map<string, number>()
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'accept') continue
    for (const part of (headers[at + 1] ?? '').split(',')) {
      const [range = '', ...parameters] = part.split(';').map((it) => it.trim().toLowerCase())
      if (range !== '') ranges.set(range, weight(parameters))
    }
  }
  return ranges
}

function weight(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='))
  const value = quality === undefined ? 1 : Number(quality.slice(2))
  return Number.isNaN(value) ? 1 : value
}

/** The most specific range that fits decides. */
function covers(ranges: ReadonlyMap<string, number>, type: string): boolean {
  const [main] = type.split('/')
  const quality = ranges.get(type) ?? ranges.get(`${main}/*`) ?? ranges.get('*/*')
  return quality !== undefined && quality > 0
}
