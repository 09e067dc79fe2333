// MCP headers against the body they mirror. The body is the truth; a header that says something else, or cannot be
// read, is refused, because an intermediary or the server may act on either (MCP 2026-07-28 transports §Header validation).
import { GatewayError, type Exchange } from '../core/index.ts'
import { decodeHeaderValue, HEADER, NAME_SOURCE, type RpcMessage } from '../wire/index.ts'

/** The parts of an exchange that this stage reads. */
export type MessageHeaders = Pick<Exchange, 'header' | 'isRepeated'>

/** The header as written in the specification, for messages. */
const SPELLING = {
  [HEADER.protocolVersion]: 'MCP-Protocol-Version',
  [HEADER.method]: 'Mcp-Method',
  [HEADER.name]: 'Mcp-Name',
} as const

type Mirrored = keyof typeof SPELLING

/** The value of a header that may come only once: repeated, it arrives joined by a comma and equals nothing. */
export function singleHeader(headers: MessageHeaders, name: Mirrored): string | undefined {
  const value = headers.header(name)
  if (value === undefined || !headers.isRepeated(name)) return value
  throw new GatewayError('GW_HEADER_MISMATCH', `${SPELLING[name]}: expected one value, got several`)
}

/** Absent is fine here; what is there must equal the body's value, case and all. */
export function checkMirror(headers: MessageHeaders, name: Mirrored, body: string): void {
  const header = singleHeader(headers, name)
  if (header !== undefined && header !== body) throw mismatch(name, header, body)
}

export function requireMirror(headers: MessageHeaders, name: Mirrored, body: string): void {
  if (headers.header(name) === undefined) throw mismatch(name, '(missing)', body)
}

/** Mcp-Name mirrors one member of `params`, which one depends on the method; most methods have none. */
export function checkNameMirror(headers: MessageHeaders, message: RpcMessage): void {
  const source = NAME_SOURCE.get(message.method ?? '')
  if (source === undefined) return
  const body = message.params?.[source]
  const header = singleHeader(headers, HEADER.name)
  if (header === undefined) {
    // A body without the value is the server's to refuse: there is nothing to mirror.
    if (typeof body !== 'string') return
    throw mismatch(HEADER.name, '(missing)', body)
  }
  const decoded = decodeHeaderValue(header)
  if (decoded === undefined) {
    throw new GatewayError(
      'GW_HEADER_MISMATCH',
      'Mcp-Name: expected visible ASCII or =?base64?…?= of UTF-8 text',
    )
  }
  if (decoded !== body) throw mismatch(HEADER.name, decoded, String(body))
}

export function mismatch(name: Mirrored, header: string, body: string): GatewayError {
  const problem =
    header === '(missing)' ? 'expected, because the body needs it' : 'header and body disagree'
  return new GatewayError('GW_HEADER_MISMATCH', `${SPELLING[name]}: ${problem}`, {
    data: { mismatch: { header, body } },
  })
}
