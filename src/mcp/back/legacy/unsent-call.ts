// A request that is sent only once its client has given some input: the server wants to know something before, or has
// refused it until the user has visited a URL (MCP 2025-11-25 elicitation §URL elicitation required).
import type { GatewayError } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import type { ViewRequest } from '../../view/server-view.ts'
import type { AskingSession } from './asking-session.ts'
import type { RetryReader } from './call-reader.ts'
import { GIVEN_UP } from './failures.ts'
import type { Parkable } from './parked-calls.ts'
import type { Answered, Question } from './questions.ts'
import { digestOf } from './request-state.ts'

export class UnsentCall implements Parkable {
  readonly callerKey: string
  readonly digest: string
  readonly #session: AskingSession
  #questions: readonly Question[]

  constructor(session: AskingSession, request: ViewRequest, questions: readonly Question[]) {
    this.#session = session
    this.callerKey = request.caller.key
    this.digest = digestOf(request.method, request.params)
    this.#questions = questions
  }

  get questions(): readonly Question[] {
    return this.#questions
  }

  get serverInfo(): JsonObject | undefined {
    return this.#session.serverInfo
  }

  /** Makes the result that asks the client; or says why it cannot be asked. */
  ask(): JsonObject | GatewayError {
    return this.#session.parking.ask(this)
  }

  resume(reader: RetryReader, retry: ViewRequest, answers: readonly Answered[]): void {
    void this.#goOn(reader, retry, answers)
  }

  abandon(): void {
    for (const { rpcId } of this.#questions) {
      if (rpcId !== undefined) this.#session.refuse(rpcId, GIVEN_UP, undefined)
    }
  }

  async #goOn(
    reader: RetryReader,
    retry: ViewRequest,
    answers: readonly Answered[],
  ): Promise<void> {
    await Promise.all(answers.map((answer) => this.#reply(answer)))
    const answered = new Set(answers.map(({ question }) => question))
    this.#questions = this.#questions.filter((question) => !answered.has(question))
    if (answers.some(isDeclined)) {
      this.abandon()
      refuseCall(reader, retry.method)
    } else if (this.#questions.length === 0) reader.sendAnew()
    else reader.onAsked(this.ask())
  }

  /** A server that does not take the answer any more has moved on; so does the call. */
  async #reply({ question: { rpcId }, result }: Answered): Promise<void> {
    if (rpcId !== undefined) await this.#session.reply(rpcId, result, undefined)
  }
}

/** Without a visit to the URL the server would refuse the call again. */
function isDeclined({ question: { asked }, result }: Answered): boolean {
  return asked.method === 'elicitation/create' && result['action'] !== 'accept'
}

function refuseCall(reader: RetryReader, method: string): void {
  const text = 'The call needs a visit to a URL, which was declined.'
  if (method === 'tools/call') {
    reader.onResult({ content: [{ type: 'text', text }], isError: true })
    return
  }
  reader.onError({ code: RPC_CODE.internal, message: text })
}
