// What a path leads to: one server as it is, or a view that the gateway makes of one or several.
import type { Pool } from '../routing/index.ts'
import type { ChannelOptions } from './front/channel/options.ts'
import type { ServerEras } from './back/eras.ts'
import type { AnswerPlaces } from './back/modern/index.ts'
import type { NamedTools } from './view/named-tools.ts'
import type { ServerView } from './view/server-view.ts'

/** A server whose messages may pass unchanged. */
export interface StraightServer {
  readonly pool: Pool
  readonly eras: ServerEras
  readonly places: AnswerPlaces
}

export interface McpRoute {
  readonly path: string
  /** Names of the servers behind it, for logs and metrics. */
  readonly servers: string
  /** Undefined: several servers, or rules that change content, so that every message takes the working lane. */
  readonly straight: StraightServer | undefined
  /** Of a view of several servers: where calls of tools may go the short way. */
  readonly tools?: NamedTools | undefined
  /** What clients see that cannot take the straight lane. */
  readonly view: ServerView
  /** Transports beside Streamable HTTP. */
  readonly channels: ChannelOptions
}
