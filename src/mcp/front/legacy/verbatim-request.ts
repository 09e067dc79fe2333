// A tool call of a legacy session that goes to its server in the client's own bytes, if the server is of the same era
// and the call asks for nothing that a gateway has to know of. What becomes more than that goes on as a LegacyCall.
import { Content, type GatewayError } from '../../../core/index.ts'
import {
  decodeBody,
  inOnePiece,
  type JsonObject,
  spliced,
  type RpcId,
  type Span,
} from '../../../wire/index.ts'
import type { NamedTool } from '../../view/named-tools.ts'
import type { VerbatimCall, VerbatimRequest, VerbatimSink } from '../../view/verbatim.ts'
import type { FrontVisit } from '../visit.ts'
import { LegacyCall, type LegacyCallContext } from './call.ts'
import { idKey, readRequest } from './messages.ts'
import type { PostAnswer } from './post-answer.ts'

/** A POST that may go so. */
export interface VerbatimPost extends Pick<VerbatimRequest, 'content' | 'spans'> {
  readonly id: RpcId
  /** As `idKey`, which is how the client wrote it. */
  readonly key: string
  readonly tool: NamedTool
}

/** Members that are about more than the call itself, or that legacy servers must not be sent. */
const UNUSUAL = /"(?:_meta|task|requestState|inputResponses)"|\\u/

/** Undefined: the call goes through the view. */
export function verbatimPost({
  tools,
  inbound,
  body,
}: Pick<FrontVisit, 'tools' | 'inbound' | 'body'>): VerbatimPost | undefined {
  if (tools === undefined || inbound?.method !== 'tools/call' || body === undefined) {
    return undefined
  }
  const { id, spans } = inbound
  if (id === undefined || spans === undefined) return undefined
  const content = body instanceof Content ? body : Content.of(body)
  const bytes = inOnePiece(content)
  const { closed, name } = spans
  // Within the quotes: a name with an escape has no span.
  const tool = tools.at(bytes.toString('utf8', name.start + 1, name.end - 1))
  if (tool?.server.eras.speaks('modern') !== false) return undefined
  // Nothing in the arguments says anything about the call.
  if (UNUSUAL.test(bytes.toString('latin1', 0, closed.start))) return undefined
  if (UNUSUAL.test(bytes.toString('latin1', closed.end))) return undefined
  // An id that was written in another way than it is here would not be recognised when the client cancels.
  const key = idKey(id)
  if (bytes.toString('utf8', spans.id.start, spans.id.end) !== key) return undefined
  return { id, key, tool, content, spans }
}

/** The call, from when it was sent to when it is over. */
export class VerbatimFrontCall implements VerbatimSink {
  readonly #post: VerbatimPost
  readonly #context: LegacyCallContext
  #verbatim: VerbatimCall | undefined
  #usual: LegacyCall | undefined
  #isOver = false

  constructor(post: VerbatimPost, context: LegacyCallContext) {
    this.#post = post
    this.#context = context
  }

  get post(): PostAnswer {
    return this.#context.post
  }

  /** False: it cannot go so, and nothing was sent. */
  go(): boolean {
    const { content, spans, tool } = this.#post
    const { caller, headers, logLevel } = this.#context
    content.hold()
    this.#verbatim = tool.callVerbatim({ content, spans, caller, headers, logLevel }, this)
    if (this.#verbatim === undefined) content.letGo()
    return this.#verbatim !== undefined
  }

  cancel(reason: string): void {
    if (this.#usual !== undefined) this.#usual.cancel(reason)
    else if (this.#stop()) this.post.drop()
  }

  end(error: GatewayError): void {
    if (this.#usual !== undefined) this.#usual.end(error)
    else if (this.#stop()) this.post.fail(this.#post.id, error)
  }

  onAnswer(answer: Content, idSpan: Span): void {
    if (!this.#over()) return
    this.#context.onOver()
    const { id, key } = this.#post
    this.post.respond(id, spliced(answer, [{ span: idSpan, bytes: Buffer.from(key) }]))
  }

  onUnusual(): void {
    const verbatim = this.#verbatim
    if (verbatim === undefined || this.#isOver) return
    const message = decodeBody(this.#post.content) as JsonObject
    const usual = new LegacyCall(readRequest(message), this.#context)
    this.#usual = usual
    usual.goOn((request, sink) => verbatim.goOn(request, sink))
    this.#over()
  }

  /** False when it was over before. */
  #stop(): boolean {
    if (!this.#over()) return false
    this.#verbatim?.cancel()
    this.#context.onOver()
    return true
  }

  #over(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#post.content.letGo()
    return true
  }
}
