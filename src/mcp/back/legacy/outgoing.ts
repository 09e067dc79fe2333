// Messages of a legacy session as requests to a pool: verbs, header fields, and the message as bytes.
import type { Content, RawHeaders } from '../../../core/index.ts'
import type { UpstreamRequest } from '../../../upstream/index.ts'
import {
  encodeJson,
  EVENT_STREAM,
  HEADER,
  type Inbound,
  type JsonObject,
  type RpcId,
  spliced,
  wholeOf,
} from '../../../wire/index.ts'
import type { VerbatimRequest } from '../../view/verbatim.ts'
import { OutgoingPost } from '../outgoing-post.ts'

/** What every request of a session says about it. */
export interface SessionFields {
  /** End-to-end fields of the client on whose behalf the request is made. */
  readonly headers: RawHeaders
  /** Undefined: the server keeps no session, or it is not known yet. */
  readonly sessionId: string | undefined
  /** As negotiated; undefined for `initialize`. */
  readonly version: string | undefined
}

const JSON_TYPE = 'application/json'
const POST_ACCEPTS = `${JSON_TYPE}, ${EVENT_STREAM}`

/** The client's own fields come first; none of them is one of those added here (see ViewOrigin). */
export function postOf(message: JsonObject, fields: SessionFields): UpstreamRequest {
  return new OutgoingPost({
    headers: postHeaders(fields),
    content: encodeJson(() => JSON.stringify(message)),
    inbound: inboundOf(message, fields.version),
    sessionId: fields.sessionId,
    longLived: false,
  })
}

/** A call in the bytes of its client, with this id. */
export function verbatimPostOf(
  { content, spans, toolName }: VerbatimRequest,
  id: number,
  fields: SessionFields,
): UpstreamRequest {
  const ownId = { span: spans.id, bytes: Buffer.from(String(id)) }
  const ownName = { span: spans.name, bytes: Buffer.from(JSON.stringify(toolName)) }
  const isIdFirst = spans.id.start < spans.name.start
  const sent = spliced(content, isIdFirst ? [ownId, ownName] : [ownName, ownId])
  return new OutgoingPost({
    headers: postHeaders(fields),
    content: sent,
    inbound: new VerbatimInbound(sent, id, fields.version),
    sessionId: fields.sessionId,
    longLived: false,
  })
}

/** `message` is built when a transport asks for it: HTTP never does. */
class VerbatimInbound implements Inbound {
  readonly era = 'legacy'
  readonly kind = 'request'
  readonly method = 'tools/call'
  readonly id: number
  readonly version: string | undefined
  readonly #content: Content

  constructor(content: Content, id: number, version: string | undefined) {
    this.#content = content
    this.id = id
    this.version = version
  }

  get message(): JsonObject {
    return wholeOf(this.#content.bytes())
  }
}

function postHeaders(fields: SessionFields): RawHeaders {
  return [
    ...fields.headers,
    'content-type',
    JSON_TYPE,
    'accept',
    POST_ACCEPTS,
    ...sessionHeaders(fields),
  ]
}

function inboundOf(message: JsonObject, version: string | undefined): Inbound {
  const method = message['method'] as string | undefined
  const id = message['id'] as RpcId | undefined
  return {
    era: 'legacy',
    kind: kindOf(method, id),
    method,
    id: method === undefined ? undefined : id,
    message,
    version,
  }
}

function kindOf(method: unknown, id: unknown): Inbound['kind'] {
  if (method === undefined) return 'response'
  return id === undefined ? 'notification' : 'request'
}

/** The session's own event stream, or with an id the rest of any stream that ended with it (MCP 2025-11-25 transports §Resumability). */
export function getOf(fields: SessionFields, lastEventId: string | undefined): UpstreamRequest {
  const resumes = lastEventId === undefined ? [] : ['last-event-id', lastEventId]
  return {
    method: 'GET',
    query: '',
    headers: [...fields.headers, 'accept', EVENT_STREAM, ...sessionHeaders(fields), ...resumes],
    body: undefined,
    inbound: undefined,
    sessionId: fields.sessionId,
    longLived: true,
  }
}

export function deleteOf(fields: SessionFields): UpstreamRequest {
  return {
    method: 'DELETE',
    query: '',
    headers: [...fields.headers, ...sessionHeaders(fields)],
    body: undefined,
    inbound: undefined,
    sessionId: fields.sessionId,
    longLived: false,
  }
}

function sessionHeaders({ sessionId, version }: SessionFields): RawHeaders {
  const headers: string[] = []
  if (version !== undefined) headers.push(HEADER.protocolVersion, version)
  if (sessionId !== undefined) headers.push(HEADER.sessionId, sessionId)
  return headers
}
