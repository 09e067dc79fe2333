// Header lists of answers in the shapes that Node's two servers take.
import type { OutgoingHttpHeaders } from 'node:http2'
import type { RawHeaders } from '../core/index.ts'
import { fieldValue } from './raw-headers.ts'

/** Fields that speak of one HTTP/1.1 connection and must not be sent in HTTP/2 (RFC 9113 §8.2.2). */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

export function isEventStream(headers: RawHeaders): boolean {
  return fieldValue(headers, 'content-type')?.toLowerCase().startsWith('text/event-stream') ?? false
}

export function toPairs(headers: RawHeaders): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < headers.length; at += 2) {
    pairs.push([headers[at] ?? '', headers[at + 1] ?? ''])
  }
  return pairs
}

/** Lower-case names, no connection-specific fields, repeated ones joined; Set-Cookie, which cannot be, as a list. */
export function toHttp2Headers(
  status: number | undefined,
  headers: RawHeaders,
): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = status === undefined ? {} : { ':status': status }
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase()
    // Inherited by every object, and no name that a server sends.
    if (CONNECTION_SPECIFIC.has(name) || name === '__proto__') continue
    const value = headers[at + 1] ?? ''
    const earlier = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (name === 'set-cookie') fields[name] = [...((earlier as string[] | undefined) ?? []), value]
    else fields[name] = earlier === undefined ? value : `${String(earlier)}, ${value}`
  }
  return fields
}
