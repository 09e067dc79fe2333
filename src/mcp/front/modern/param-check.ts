// Mcp-Param-* against the arguments they mirror, for servers that cannot check them: one of the legacy era does not know
// these headers, and an intermediary that reads the body has to refuse what disagrees (SEP-2243). Which arguments they
// mirror the tool's schema says, so the view is asked for its list, once for a while and only if such a header came.
import { GatewayError, type Clock, type RawHeaders } from '../../../core/index.ts'
import {
  checkParamHeaders,
  isObject,
  PARAM_HEADER_PREFIX,
  scanParamHeaders,
  type JsonObject,
  type ParamHeader,
} from '../../../wire/index.ts'
import { AgedMap } from '../../back/modern/aged-map.ts'
import type { ServerView, ViewRequest } from '../../view/server-view.ts'
import type { FrontVisit } from '../visit.ts'

/** Annotated tools by name. */
type Annotations = ReadonlyMap<string, readonly ParamHeader[]>

/** Callers whose tools are remembered. */
const MAX_CALLERS = 1_000
const REMEMBERED_MS = 60_000
/** A server whose list never ends must not keep a call for ever. */
const MAX_PAGES = 100
const PREFIX = PARAM_HEADER_PREFIX.toLowerCase()
const NONE: Annotations = new Map()

export class ParamCheck {
  /** By route and caller. */
  readonly #known: AgedMap<string, Annotations>
  readonly #asking = new Map<string, Promise<Annotations>>()

  constructor(clock: Clock) {
    this.#known = new AgedMap({ maxEntries: MAX_CALLERS, maxAgeMs: REMEMBERED_MS }, clock)
  }

  /**
   * Undefined when nothing has to be waited for.
   * @throws GatewayError GW_HEADER_MISMATCH, as the promise rejects with.
   */
  check(visit: FrontVisit, request: ViewRequest): Promise<void> | undefined {
    // What came over a channel has no header fields at all.
    if (visit.exchange.isVirtual === true) return undefined
    const key = `${visit.route}\n${visit.callerKey}`
    const known = this.#known.get(key)
    if (known !== undefined) {
      compare(known, visit, request)
      return undefined
    }
    // Without such a header there is nothing that an intermediary could have acted on.
    if (!hasParamHeader(visit.exchange.rawHeaders)) return undefined
    return this.#askAndCompare(key, visit, request)
  }

  async #askAndCompare(key: string, visit: FrontVisit, request: ViewRequest): Promise<void> {
    compare(await this.#ask(key, visit.view, request), visit, request)
  }

  #ask(key: string, view: ServerView, request: ViewRequest): Promise<Annotations> {
    let asking = this.#asking.get(key)
    if (asking === undefined) {
      asking = annotationsOf(view, request).then((annotations) => {
        this.#asking.delete(key)
        if (annotations === undefined) return NONE
        this.#known.set(key, annotations)
        return annotations
      })
      this.#asking.set(key, asking)
    }
    return asking
  }
}

function compare(
  annotations: Annotations,
  { exchange }: FrontVisit,
  { params }: ViewRequest,
): void {
  const declared = annotations.get(String(params['name']))
  if (declared === undefined) return
  const mismatch = checkParamHeaders(declared, params['arguments'], exchange)
  if (mismatch === undefined) return
  const { name: field, header, body } = mismatch
  const problem =
    header === '(missing)' ? 'expected, because the body needs it' : 'not what the body says'
  throw new GatewayError('GW_HEADER_MISMATCH', `${field}: ${problem}`, {
    data: { mismatch: { header, body } },
  })
}

function hasParamHeader(headers: RawHeaders): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    if ((headers[at] as string).toLowerCase().startsWith(PREFIX)) return true
  }
  return false
}

/** Reads the view's list to its end. Undefined when it cannot be read: then there is nothing to compare with. */
async function annotationsOf(
  view: ServerView,
  request: ViewRequest,
): Promise<Annotations | undefined> {
  const annotations = new Map<string, readonly ParamHeader[]>()
  let params: JsonObject = {}
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await pageOf(view, request, params)
    if (result === undefined) return undefined
    const { tools, nextCursor } = result
    if (Array.isArray(tools)) for (const tool of tools as unknown[]) note(annotations, tool)
    if (typeof nextCursor !== 'string') break
    params = { cursor: nextCursor }
  }
  return annotations
}

function note(annotations: Map<string, readonly ParamHeader[]>, tool: unknown): void {
  if (!isObject(tool) || typeof tool['name'] !== 'string') return
  // A schema with a fault names no headers: a client over HTTP does not use the tool.
  const { headers = [] } = scanParamHeaders(tool['inputSchema'])
  if (headers.length > 0) annotations.set(tool['name'], headers)
}

function pageOf(
  view: ServerView,
  { caller, headers }: ViewRequest,
  params: JsonObject,
): Promise<JsonObject | undefined> {
  return new Promise((resolve) => {
    const request = { caller, headers, method: 'tools/list', params, logLevel: undefined }
    view.call(request, {
      onNotification: () => {},
      onResult: resolve,
      onError: () => resolve(undefined),
      onFailure: () => resolve(undefined),
    })
  })
}
