// The session of the legacy era that a channel's client is in without knowing: its id, the negotiated version, the stream of what
// the server says of its own accord, and its end.
import type { RawHeaders } from '../../../core/index.ts'
import { HEADER } from '../../../wire/index.ts'
import { PulledStream, type PulledStreamOwner } from './pulled-stream.ts'

export interface SessionOwner extends PulledStreamOwner {
  /** Hands a message to the client. */
  deliver(json: string): void
  /** Tells the server that the session with these headers is over. */
  deleteSession(headers: RawHeaders): void
  /** The server no longer knows the session. */
  onSessionGone(): void
}

const NOT_FOUND = 404

export class ChannelSession {
  readonly #owner: SessionOwner
  #id: string | undefined
  #version: string | undefined
  #stream: PulledStream | undefined

  constructor(owner: SessionOwner) {
    this.#owner = owner
  }

  /** Undefined: there is none, or the server does without an id. */
  get id(): string | undefined {
    return this.#id
  }

  /** What goes with every message after `initialize`. */
  get headers(): string[] {
    const headers: string[] = []
    if (this.#id !== undefined) headers.push(HEADER.sessionId, this.#id)
    if (this.#version !== undefined) headers.push(HEADER.protocolVersion, this.#version)
    return headers
  }

  /** A client that initializes again leaves the session before. */
  begin(id: string): void {
    this.end()
    this.#id = id
  }

  negotiated(version: string | undefined): void {
    this.#version = version
  }

  /** Opens the stream of what the server says of its own accord. Without a session it could not tell whom it speaks to. */
  listen(): void {
    if (this.#id === undefined || this.#stream !== undefined) return
    this.#stream = new PulledStream(this.#owner, {
      maxFutile: Infinity,
      onMessage: (json) => this.#owner.deliver(json),
      onGivenUp: ({ status }) => {
        if (status !== NOT_FOUND) return
        this.forget()
        this.#owner.onSessionGone()
      },
    })
    this.#stream.start()
  }

  stopListening(): void {
    this.#stream?.stop()
  }

  /** The server has ended it. */
  forget(): void {
    this.stopListening()
    this.#stream = undefined
    this.#id = undefined
  }

  end(): void {
    if (this.#id === undefined) return
    const { headers } = this
    this.forget()
    this.#version = undefined
    this.#owner.deleteSession(headers)
  }
}
