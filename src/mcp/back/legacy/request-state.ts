// The `requestState` that a client carries from a question to its answer: which parked call it is about, sealed, so that
// nobody can make one up, use another's, or answer for another request (MCP 2026-07-28 MRTR: attacker input).
import { createHash } from 'node:crypto'
import type { Clock } from '../../../core/index.ts'
import { isObject, type JsonObject, readValue } from '../../../wire/index.ts'
import type { Seal } from '../../seal.ts'
import type { RpcError } from '../../view/server-view.ts'

/** None of ours is longer; anything longer is not worth decoding. */
const MAX_STATE_CHARS = 1_024
const INVALID_PARAMS = -32_602

export interface RequestStateContext {
  readonly seal: Seal
  readonly clock: Clock
  readonly server: string
  /** This process: a parked call is a stream that only one of several gateways holds. */
  readonly nodeId: string
}

interface Content {
  readonly node: string
  readonly parked: string
  readonly digest: string
  readonly expiresAtMs: number
}

export class RequestStates {
  readonly #context: RequestStateContext

  constructor(context: RequestStateContext) {
    this.#context = context
  }

  seal(callerKey: string, parkedId: string, { digest, lastsForMs }: Lasting): string {
    const { seal, clock, nodeId } = this.#context
    const expiresAtMs = clock.nowMs() + lastsForMs
    const content: Content = { node: nodeId, parked: parkedId, digest, expiresAtMs }
    return seal.seal(JSON.stringify(content), this.#boundTo(callerKey))
  }

  /**
   * Which parked call a state is about; undefined when it is not of this gateway, this caller, this request, or is too old.
   * `digest`: of the request; left out where none comes with the state.
   */
  open(callerKey: string, sealed: unknown, digest?: () => string): string | undefined {
    if (typeof sealed !== 'string' || sealed.length > MAX_STATE_CHARS) return undefined
    const { seal, clock, nodeId } = this.#context
    const plain = seal.open(sealed, this.#boundTo(callerKey))
    if (plain === undefined) return undefined
    const content = JSON.parse(plain) as Content
    if (content.node !== nodeId || clock.nowMs() >= content.expiresAtMs) return undefined
    return digest === undefined || content.digest === digest() ? content.parked : undefined
  }

  #boundTo(callerKey: string): string {
    return JSON.stringify([this.#context.server, callerKey])
  }
}

export interface Lasting {
  readonly digest: string
  readonly lastsForMs: number
}

/** Members of `params` that may differ between a request and its retry: the answers, and what belongs to each try. */
const OF_EACH_TRY: ReadonlySet<string> = new Set(['inputResponses', 'requestState', '_meta'])

/** What a request asks, in any order of members. */
export function digestOf(method: string, params: JsonObject): string {
  const asked = Object.fromEntries(
    Object.entries(params).filter(([name]) => !OF_EACH_TRY.has(name)),
  )
  return createHash('sha256')
    .update(`${method}\n${canonical(asked)}`)
    .digest('base64url')
}

function canonical(given: unknown): string {
  const value = readValue(given)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.keys(value).toSorted()
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}

/** What a client is told whose state is of no use, whatever the reason: a forger learns nothing from it. */
export function invalidState(): RpcError {
  return {
    code: INVALID_PARAMS,
    message: 'requestState: expected the one that this request was answered with, once and in time',
    data: { reason: 'invalid_request_state' },
  }
}
