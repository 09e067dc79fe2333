// How a channel reaches its client: what HTTP+SSE and WebSocket have in common.

/** Why a channel ends although the client has not left. */
export type ChannelEnd = 'draining' | 'session-gone'

/** How a channel reaches its client. */
export interface ChannelTransport {
  /** Hands over one message, JSON in one line. False: the client is behind, and `caughtUp` follows. */
  send(json: string): boolean
  /** Called regularly. `isQuiet`: nothing was sent since the last time. */
  keepAlive(isQuiet: boolean): void
  /** Whether there is room for what the client sends. Not every transport can hold it back. */
  setReading(isReading: boolean): void
  /** Ends the connection once everything is out; `close` of the channel follows. */
  end(why: ChannelEnd): void
}
