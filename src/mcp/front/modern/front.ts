// The front for clients of the modern era: a checked message becomes a request to the route's view. The view's answer is
// given by ModernCall and ModernListen.
import {
  type Clock,
  Deadlines,
  GatewayError,
  LiveSet,
  toGatewayError,
} from '../../../core/index.ts'
import {
  acceptsAnswer,
  decodeBody,
  isObject,
  type JsonObject,
  MODERN_VERSIONS,
  type RpcId,
} from '../../../wire/index.ts'
import type { McpLimits } from '../../options.ts'
import { withoutEnvelope } from '../../translate/envelope.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import { readFilter } from '../../translate/listen-filter.ts'
import type { Caller, RpcError, ViewRequest } from '../../view/server-view.ts'
import { EventAnswer, type EventAnswerContext } from '../event-answer.ts'
import type { FrontOptions } from '../options.ts'
import { type FrontVisit, messageOf } from '../visit.ts'
import { ModernCall } from './call.ts'
import { ModernListen } from './listen.ts'
import { ParamCheck } from './param-check.ts'

export interface ModernFrontContext {
  readonly clock: Clock
  readonly limits: Pick<McpLimits, 'keepAliveMs'>
  readonly options: Pick<FrontOptions, 'maxSubscriptions' | 'maxSubscriptionsPerCaller'>
}

/** Methods of the legacy era, which the modern one has replaced: no server has them, whatever it speaks itself. */
const REPLACED_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

/** A request, read. */
interface ModernRequest {
  readonly visit: FrontVisit
  readonly id: RpcId
  readonly request: ViewRequest
}

export class ModernFront {
  readonly #context: ModernFrontContext
  readonly #answers: EventAnswerContext
  readonly #paramCheck: ParamCheck
  readonly #calls = new LiveSet<ModernCall>()
  readonly #listens = new LiveSet<ModernListen>()
  /** Open subscriptions by caller. */
  readonly #listensOf = new Map<string, number>()
  #isDraining = false

  constructor(context: ModernFrontContext) {
    this.#context = context
    const { clock, limits } = context
    this.#paramCheck = new ParamCheck(clock)
    const { keepAliveMs } = limits
    this.#answers = {
      clock,
      keepAliveMs,
      quiet: new Deadlines({
        clock,
        timeoutMs: keepAliveMs,
        onExpired: (answer: EventAnswer) => answer.openQuiet(),
      }),
    }
  }

  /** Takes over a POST of the modern era. Never throws: every outcome is answered and reported. */
  handle(visit: FrontVisit): void {
    try {
      this.#handle(visit)
    } catch (thrown) {
      this.#refuse(visit, thrown)
    }
  }

  /** Ends subscriptions in good order and takes no new ones; calls under way may finish. */
  drain(): void {
    this.#isDraining = true
    for (const listen of this.#listens.snapshot()) listen.close()
  }

  /** Ends everything. */
  close(): void {
    this.drain()
    for (const call of this.#calls.snapshot()) call.close()
    this.#answers.quiet.stop()
  }

  #handle(visit: FrontVisit): void {
    const { inbound, body } = messageOf(visit)
    if (!acceptsAnswer(visit.exchange.rawHeaders, 'POST')) {
      throw new GatewayError(
        'GW_NOT_ACCEPTABLE',
        'Accept: expected application/json and text/event-stream, either may be the answer',
      )
    }
    checkVersion(inbound.version)
    // The modern era has no notification that a client could send over HTTP; a later one is accepted and means nothing.
    if (inbound.kind !== 'request') {
      this.#answer(visit).whole(202)
      return
    }
    const message = decodeBody(body) as JsonObject
    const read = readRequest(visit, message)
    if (REPLACED_METHODS.has(read.request.method)) this.#reject(read, methodNotFound(read.request))
    else if (read.request.method === 'subscriptions/listen') this.#listen(read)
    else this.#call(read)
  }

  #call(read: ModernRequest): void {
    const { visit, request } = read
    const checking =
      request.method === 'tools/call' ? this.#paramCheck.check(visit, request) : undefined
    if (checking === undefined) {
      this.#send(read)
      return
    }
    checking.then(() => this.#send(read)).catch((thrown: unknown) => this.#refuse(visit, thrown))
  }

  #send({ visit, id, request }: ModernRequest): void {
    const onOver = (over: ModernCall): void => this.#calls.delete(over)
    const call = new ModernCall(visit, id, { answers: this.#answers, onOver })
    this.#calls.add(call)
    call.go(visit.view, request)
  }

  #listen(read: ModernRequest): void {
    const { visit, id, request } = read
    const notifications = request.params['notifications']
    if (!isObject(notifications)) {
      const message = 'params.notifications: expected what to listen to, an object'
      this.#reject(read, { code: RPC_CODE.invalidParams, message })
      return
    }
    if (this.#isDraining) {
      throw new GatewayError('GW_DRAINING', 'the gateway is stopping and opens no new streams')
    }
    this.#countListen(visit.callerKey)
    const onOver = (over: ModernListen): void => this.#forgetListen(over)
    const listen = new ModernListen(visit, id, { answers: this.#answers, onOver })
    this.#listens.add(listen)
    const { caller, headers } = request
    listen.go(visit.view, { caller, headers, filter: readFilter(notifications) })
  }

  /** @throws GatewayError GW_TOO_MANY_SUBSCRIPTIONS */
  #countListen(callerKey: string): void {
    const { maxSubscriptions, maxSubscriptionsPerCaller } = this.#context.options
    const open = this.#listensOf.get(callerKey) ?? 0
    if (this.#listens.size >= maxSubscriptions || open >= maxSubscriptionsPerCaller) {
      const limit = open >= maxSubscriptionsPerCaller ? 'the caller has' : 'all callers have'
      throw new GatewayError('GW_TOO_MANY_SUBSCRIPTIONS', `${limit} too many subscriptions open`, {
        retryAfterSeconds: 1,
      })
    }
    this.#listensOf.set(callerKey, open + 1)
  }

  #forgetListen(listen: ModernListen): void {
    this.#listens.delete(listen)
    const { callerKey } = listen
    const open = (this.#listensOf.get(callerKey) ?? 1) - 1
    if (open === 0) this.#listensOf.delete(callerKey)
    else this.#listensOf.set(callerKey, open)
  }

  /** Answers with an error as a server would. */
  #reject({ visit, id }: ModernRequest, error: RpcError): void {
    const status = error.code === RPC_CODE.methodNotFound ? 404 : 200
    this.#answer(visit).whole(status, JSON.stringify({ jsonrpc: '2.0', id, error }))
  }

  #refuse(visit: FrontVisit, thrown: unknown): void {
    this.#answer(visit).fail(toGatewayError(thrown), visit.inbound?.id)
  }

  #answer(visit: FrontVisit): EventAnswer {
    return new EventAnswer(visit, this.#answers)
  }
}

function checkVersion(version: string | undefined): void {
  const known: readonly (string | undefined)[] = MODERN_VERSIONS
  if (known.includes(version)) return
  throw new GatewayError(
    'GW_UNSUPPORTED_VERSION',
    `expected protocol version ${MODERN_VERSIONS.join(' or ')}`,
    { data: { supported: MODERN_VERSIONS, requested: version } },
  )
}

function readRequest(visit: FrontVisit, message: JsonObject): ModernRequest {
  const opened = withoutEnvelope((message['params'] ?? {}) as JsonObject)
  const { params, logLevel, clientInfo, capabilities } = opened
  const caller: Caller = { key: visit.callerKey, clientInfo, capabilities }
  const method = message['method'] as string
  // As text where a double does not hold it: the client gets its own id back, digit by digit.
  const id = message['id'] as RpcId
  return { visit, id, request: { method, params, logLevel, caller, headers: visit.headers } }
}

function methodNotFound({ method }: ViewRequest): RpcError {
  return {
    code: RPC_CODE.methodNotFound,
    message: `${method} is not a method of protocol version ${MODERN_VERSIONS[0]}`,
  }
}
