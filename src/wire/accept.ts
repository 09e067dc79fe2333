// Whether a client takes what an endpoint sends (RFC 9110 §12.5.1). MCP clients must list both media types on POST and
// the event stream on GET (MCP 2025-11-25 transports §Sending messages); a wildcard covers them, as does no Accept at all.
import type { RawHeaders } from '../core/index.ts'
import { EVENT_STREAM } from './event-stream.ts'

const ACCEPT = 'accept'
const JSON_TYPE = 'application/json'

/** What clients send hardly differs, so what it means is worked out once. More than this many is somebody playing. */
const MAX_KNOWN = 64
const MAX_KNOWN_CHARS = 256
const known = { POST: new Map<string, boolean>(), GET: new Map<string, boolean>() }

export function acceptsAnswer(headers: RawHeaders, method: 'POST' | 'GET'): boolean {
  const accept = acceptOf(headers)
  if (accept === undefined) return true
  const verdicts = known[method]
  const before = verdicts.get(accept)
  if (before !== undefined) return before
  const isAccepted = accepts(mediaRanges(accept), method)
  if (verdicts.size < MAX_KNOWN && accept.length <= MAX_KNOWN_CHARS)
    verdicts.set(accept, isAccepted)
  return isAccepted
}

/** All Accept fields as one (RFC 9110 §5.3). */
function acceptOf(headers: RawHeaders): string | undefined {
  let accept: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (name.length !== ACCEPT.length || name.toLowerCase() !== ACCEPT) continue
    accept = accept === undefined ? headers[at + 1] : `${accept},${headers[at + 1]}`
  }
  return accept
}

function accepts(ranges: ReadonlyMap<string, number>, method: 'POST' | 'GET'): boolean {
  if (ranges.size === 0) return true
  return covers(ranges, EVENT_STREAM) && (method === 'GET' || covers(ranges, JSON_TYPE))
}

/** Media ranges with their weight. */
function mediaRanges(accept: string): ReadonlyMap<string, number> {
  const ranges = new Map<string, number>()
  for (const part of accept.split(',')) {
    const [range = '', ...parameters] = part.split(';').map((it) => it.trim().toLowerCase())
    if (range !== '') ranges.set(range, weight(parameters))
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
