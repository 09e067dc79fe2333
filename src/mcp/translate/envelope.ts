// What a request of the modern era says about itself in `params._meta` (MCP 2026-07-28 basic §Request metadata): put on
// and taken off. The legacy era has said all of it in `initialize` and `logging/setLevel`.
import { isObject, META, type JsonObject } from '../../wire/index.ts'

export interface Envelope {
  readonly version: string
  readonly capabilities: JsonObject
  readonly clientInfo: JsonObject | undefined
  readonly logLevel: string | undefined
}

/** Request parameters apart from what the envelope said. */
export interface Opened extends Omit<Envelope, 'version'> {
  readonly version: string | undefined
  readonly params: JsonObject
}

const NOTHING: JsonObject = {}

export function withEnvelope(params: JsonObject, envelope: Envelope): JsonObject {
  const { version, capabilities, clientInfo, logLevel } = envelope
  const _meta: Record<string, unknown> = {
    ...(params['_meta'] as JsonObject | undefined),
    [META.protocolVersion]: version,
    [META.clientCapabilities]: capabilities,
  }
  if (clientInfo !== undefined) _meta[META.clientInfo] = clientInfo
  if (logLevel !== undefined) _meta[META.logLevel] = logLevel
  return { ...params, _meta }
}

/** Takes the envelope off; all else of `_meta` stays, the progress token and trace context included. */
export function withoutEnvelope(params: JsonObject): Opened {
  const meta = params['_meta']
  if (!isObject(meta)) return { params, ...NOTHING_SAID }
  const {
    [META.protocolVersion]: version,
    [META.clientCapabilities]: capabilities,
    [META.clientInfo]: clientInfo,
    [META.logLevel]: logLevel,
    ...rest
  } = meta
  return {
    params: withMeta(params, rest),
    version: typeof version === 'string' ? version : undefined,
    capabilities: isObject(capabilities) ? capabilities : NOTHING,
    clientInfo: isObject(clientInfo) ? clientInfo : undefined,
    logLevel: typeof logLevel === 'string' ? logLevel : undefined,
  }
}

const NOTHING_SAID = {
  version: undefined,
  capabilities: NOTHING,
  clientInfo: undefined,
  logLevel: undefined,
} as const

/** The same with this `_meta`, or without one when nothing is in it. */
export function withMeta(object: JsonObject, meta: JsonObject): JsonObject {
  if (Object.keys(meta).length > 0) return { ...object, _meta: meta }
  const { _meta: _, ...rest } = object
  return rest
}
