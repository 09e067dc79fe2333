// One exchange as a front of the working lane gets it: admitted, its body read and its message checked.
import type { Content, Exchange, RawHeaders } from '../../core/index.ts'
import type { Inbound, RpcId } from '../../wire/index.ts'
import type { NamedTools } from '../view/named-tools.ts'
import type { ServerView } from '../view/server-view.ts'
import type { OnOver } from '../visit.ts'

export interface FrontVisit {
  readonly exchange: Exchange
  /** Path of the route: what a session belongs to, beside its caller. */
  readonly route: string
  readonly view: ServerView
  /** Of a view of several servers, as `McpRoute.tools`. */
  readonly tools: NamedTools | undefined
  /** Undefined for GET and DELETE. */
  readonly inbound: Inbound | undefined
  /** The bytes of the message; undefined for GET and DELETE. */
  readonly body: Buffer | Content | undefined
  /** Who is behind the exchange, as `Caller.key`. What the client is and can do, its messages say. */
  readonly callerKey: string
  /** The identity in it, which outlasts connections and addresses; undefined: nobody has said who they are. */
  readonly identity: string | undefined
  /** End-to-end fields for HTTP endpoints, as `ViewOrigin.headers`. */
  readonly headers: RawHeaders
  /** An event stream was begun. */
  readonly onStreamOpen: () => void
  /** It has ended. */
  readonly onStreamClose: () => void
  /** Called once when the exchange is over. */
  readonly onOver: OnOver
}

/** The message of a POST. Composition hands none on without one. */
export function messageOf({ inbound, body }: FrontVisit): {
  readonly inbound: Inbound
  readonly body: Buffer | Content
  readonly rpcId: RpcId | undefined
} {
  if (inbound === undefined || body === undefined) throw new TypeError('expected a POST, read')
  return { inbound, body, rpcId: inbound.kind === 'request' ? inbound.id : undefined }
}
