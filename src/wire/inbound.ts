// What a client's message says about itself once its bytes are parsed: era, kind, method, id.

/** The specification's own terms: *legacy* has `initialize` (up to 2025-11-25), *modern* is 2026-07-28 and later. */
export type Era = 'legacy' | 'modern'

/** A JSON-RPC id; MCP forbids null. */
export type RpcId = string | number

export interface JsonObject {
  readonly [name: string]: unknown
}

/** A message whose shape was checked: see `messageKind`. */
export interface RpcMessage extends JsonObject {
  readonly method?: string
  readonly id?: RpcId
  readonly params?: JsonObject
}

/** From the first byte of a value to the one after its last, the quotes of a text included. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where in the bytes of a request the values are that change when it goes on under other names. */
export interface CallSpans {
  readonly id: Span
  /** Of `params.name`. */
  readonly name: Span
  /** What is the largest in `params` of all that no decision looks into: the arguments, as a rule. */
  readonly closed: Span
}

/** A checked message from a client. */
export interface Inbound {
  readonly era: Era
  /** `batch` exists only in protocol version 2025-03-26. */
  readonly kind: 'request' | 'notification' | 'response' | 'batch'
  /** Undefined for responses and batches. */
  readonly method: string | undefined
  /** Undefined for notifications and batches. */
  readonly id: RpcId | undefined
  /** The whole parsed body: an object, or for a batch its items. Built when it is asked for first. */
  readonly message: JsonObject | readonly JsonObject[]
  /** Protocol version the request claims: `_meta` in the modern era, the header in the legacy era; undefined when it claims none. */
  readonly version: string | undefined
  /** Undefined for what has no id or no `params.name`, and for what had to be read in another way. */
  readonly spans?: CallSpans | undefined
}
