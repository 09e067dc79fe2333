// MCP over WebSocket, for clients that have nothing else: subprotocol `mcp`, one message per text message, either way.
import {
  GatewayError,
  type Exchange,
  type WebSocketLink,
  type WebSocketOffer,
  type WebSocketTerms,
} from '../../../core/index.ts'
import type { ChannelEnd, ChannelTransport } from './channel-transport.ts'

const SUBPROTOCOL = 'mcp'

/** What the exchange asks for, if it asks for what there is. */
export function checkOffer(
  { webSocket }: Exchange,
  isEnabled: boolean,
): WebSocketOffer | GatewayError {
  if (!isEnabled || webSocket === undefined) {
    // As the listener says where no route has WebSocket.
    return new GatewayError('GW_BAD_FRAMING', 'Upgrade: not served, h2c neither')
  }
  if (webSocket.subprotocols.includes(SUBPROTOCOL)) return webSocket
  return new GatewayError(
    'GW_WEBSOCKET_HANDSHAKE',
    `Sec-WebSocket-Protocol: expected ${SUBPROTOCOL} among those offered`,
  )
}

export class WebSocketTransport implements ChannelTransport {
  readonly #link: WebSocketLink

  /** Answers 101. */
  constructor(offer: WebSocketOffer, terms: Omit<WebSocketTerms, 'subprotocol'>) {
    this.#link = offer.accept({ ...terms, subprotocol: SUBPROTOCOL })
  }

  send(json: string): boolean {
    return this.#link.write(Buffer.from(json))
  }

  /** A ping even where much is sent: it is the only way to see that nobody takes it. */
  keepAlive(): void {
    this.#link.ping()
  }

  setReading(isReading: boolean): void {
    this.#link.setReading(isReading)
  }

  end(why: ChannelEnd): void {
    if (why === 'draining') this.#link.close(1001, 'the gateway is stopping')
    else this.#link.close(1011, 'the session is over; connect again')
  }
}
