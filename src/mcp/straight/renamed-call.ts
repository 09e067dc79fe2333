// The short way of a tool call on a route of several servers: where the name alone tells whose tool it is, and the server
// speaks the client's era, only the name changes. The rest of the bytes, and nearly every answer, pass as on any straight
// lane. Whatever is out of the ordinary takes the working lane.
import type { Content, Exchange, RawHeaders } from '../../core/index.ts'
import {
  decodeHeaderValue,
  encodeHeaderValue,
  HEADER,
  isObject,
  inOnePiece,
  spliced,
  type Inbound,
  type JsonObject,
} from '../../wire/index.ts'
import type { StraightServer } from '../route.ts'
import { withoutEnvelope } from '../translate/envelope.ts'
import type { NamedTools } from '../view/named-tools.ts'
import type { ViewOrigin } from '../view/server-view.ts'

/** A call as its server is to see it. */
export interface RenamedCall {
  readonly server: StraightServer
  readonly content: Content
  readonly headers: (headers: RawHeaders) => RawHeaders
  readonly word: (result: JsonObject) => JsonObject
}

/** What a message may carry that has to be put into the server's words too, or that an answer may have to be kept for. */
const UNUSUAL = /"(?:requestState|inputResponses)"|io\.modelcontextprotocol\/tasks|\\u/

export interface RenamingContext {
  readonly tools: NamedTools
  readonly originOf: (
    exchange: Exchange,
    capabilities: JsonObject,
    clientInfo: JsonObject | undefined,
  ) => ViewOrigin
}

/** Undefined: the call takes the working lane. */
export function renamedCall(
  exchange: Exchange,
  inbound: Inbound,
  content: Content,
  { tools, originOf }: RenamingContext,
): RenamedCall | undefined {
  if (inbound.era !== 'modern' || inbound.kind !== 'request') return undefined
  if (inbound.method !== 'tools/call' || exchange.isVirtual === true) return undefined
  // The header was compared with the body, which names the tool in the same words.
  const header = exchange.header(HEADER.name)
  const name = header === undefined ? undefined : decodeHeaderValue(header)
  const tool = name === undefined ? undefined : tools.at(name)
  if (tool === undefined || tool.server.eras.speaks('modern') !== true) return undefined
  const { spans } = inbound
  if (spans === undefined) return undefined
  const bytes = inOnePiece(content)
  const { name: span, closed } = spans
  // Nothing in the arguments says anything about the call.
  if (UNUSUAL.test(bytes.toString('latin1', 0, closed.start))) return undefined
  if (UNUSUAL.test(bytes.toString('latin1', closed.end))) return undefined
  const own = Buffer.from(JSON.stringify(tool.name))
  return {
    server: tool.server,
    content: spliced(content, [{ span, bytes: own }]),
    headers: (headers) => withName(headers, tool.name),
    word: (result) => {
      const { params } = inbound.message as { readonly params?: JsonObject }
      const { capabilities, clientInfo } = withoutEnvelope(isObject(params) ? params : {})
      return tool.word(result, originOf(exchange, capabilities, clientInfo))
    },
  }
}

function withName(headers: RawHeaders, name: string): RawHeaders {
  const value = encodeHeaderValue(name)
  return headers.map((it, at) =>
    at % 2 === 1 && headers[at - 1]?.toLowerCase() === HEADER.name ? value : it,
  )
}
