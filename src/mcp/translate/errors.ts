// JSON-RPC errors in each era's codes, and the HTTP status that the modern era gives them.
import { isObject } from '../../wire/index.ts'
import type { RpcError } from '../view/server-view.ts'

export const RPC_CODE = {
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** Legacy era only. */
  resourceNotFound: -32_002,
  /** Legacy era only. */
  urlElicitationRequired: -32_042,
  headerMismatch: -32_020,
  missingCapability: -32_021,
  unsupportedVersion: -32_022,
} as const

/** Codes that MCP keeps for itself since the modern era (MCP 2026-07-28 basic §Error codes). */
const RESERVED_FLOOR = -32_099
const RESERVED_CEILING = -32_020

/** A legacy server's error. What it says under a code that only later got a meaning, it did not mean. */
export function toModernError({ code, ...rest }: RpcError): RpcError {
  if (code === RPC_CODE.resourceNotFound) return { code: RPC_CODE.invalidParams, ...rest }
  const isReserved = code >= RESERVED_FLOOR && code <= RESERVED_CEILING
  return { code: isReserved ? RPC_CODE.internal : code, ...rest }
}

/** A modern server's error. Those about headers, versions and capabilities are about a hop that the client is not on. */
export function toLegacyError(method: string, error: RpcError): RpcError {
  const { code, ...rest } = error
  if (code === RPC_CODE.missingCapability) return { code: RPC_CODE.invalidRequest, ...rest }
  if (code === RPC_CODE.headerMismatch || code === RPC_CODE.unsupportedVersion) {
    return { code: RPC_CODE.internal, ...rest }
  }
  return isNotFound(method, error) ? { code: RPC_CODE.resourceNotFound, ...rest } : error
}

/** The modern era has no code of its own for it; servers tell it by the URI in `data`. */
function isNotFound(method: string, { code, data }: RpcError): boolean {
  if (method !== 'resources/read' || code !== RPC_CODE.invalidParams) return false
  return isObject(data) && typeof data['uri'] === 'string'
}

const STATUS_OF_CODE: ReadonlyMap<number, number> = new Map([
  [RPC_CODE.headerMismatch, 400],
  [RPC_CODE.missingCapability, 400],
  [RPC_CODE.unsupportedVersion, 400],
  [RPC_CODE.methodNotFound, 404],
])

/** HTTP status of an answer that is this error and nothing before it (MCP 2026-07-28 transports §Server validation). */
export function httpStatusOf({ code }: RpcError): number {
  return STATUS_OF_CODE.get(code) ?? 200
}

/** The error of a response, whatever a server made of it. */
export function toRpcError(value: unknown): RpcError {
  const { code, message, data } = isObject(value) ? value : {}
  return {
    code: Number.isInteger(code) ? (code as number) : RPC_CODE.internal,
    message: typeof message === 'string' ? message : 'the server answered with an error',
    ...(data !== undefined && { data }),
  }
}
