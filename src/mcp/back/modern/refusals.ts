// What the gateway makes of answers that are no answer to a request of the modern era.
import { GatewayError } from '../../../core/index.ts'
import { LEGACY_VERSIONS } from '../../../wire/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import type { RpcError } from '../../view/server-view.ts'
import { VERSION } from './outgoing.ts'

const ERROR_FLOOR = 400
const SERVER_ERROR_FLOOR = 500
/** Codes of the legacy era's implementations (MCP 2026-07-28 basic §Error codes). */
const LEGACY_CODE_FLOOR = -32_019
const LEGACY_CODE_CEILING = -32_000
/** Statuses by which a server says that the whole way of asking is foreign to it, if it says nothing else. */
const FOREIGN: ReadonlySet<number> = new Set([400, 404, 405, 406, 415])

export interface Refusal {
  readonly error: GatewayError
  /** The server may not be of the modern era, or not any more. */
  readonly isAboutEra: boolean
}

/** An error that tells of the hop between gateway and server, not of the client's request; undefined: any other. */
export function refusalOf(
  server: string,
  status: number,
  { code, data }: RpcError,
): Refusal | undefined {
  if (code === RPC_CODE.headerMismatch) {
    const message = `the server "${server}" does not take the headers that mirror the call`
    return { error: new GatewayError('GW_UPSTREAM_PROTOCOL', message), isAboutEra: false }
  }
  if (code === RPC_CODE.unsupportedVersion) {
    const { supported = [] } = (data ?? {}) as { readonly supported?: unknown }
    const message = `the server "${server}" does not speak ${VERSION}`
    const error = new GatewayError('GW_UNSUPPORTED_VERSION', message, {
      data: { supported, requested: VERSION },
    })
    return { error, isAboutEra: true }
  }
  const isLegacy = code >= LEGACY_CODE_FLOOR && code <= LEGACY_CODE_CEILING
  if (!isLegacy || status < ERROR_FLOOR || status >= SERVER_ERROR_FLOOR) return undefined
  const message = `the server "${server}" answers as one of the legacy era`
  const error = new GatewayError('GW_WRONG_ERA', message, {
    data: { supported: LEGACY_VERSIONS, requested: VERSION },
  })
  return { error, isAboutEra: true }
}

/** An answer that ended without a response. */
export function unanswered(server: string, status: number): Refusal {
  if (status < ERROR_FLOOR) {
    const message = `the server "${server}" ended its answer (${status}) without a response`
    return { error: new GatewayError('GW_UPSTREAM_BROKEN', message), isAboutEra: false }
  }
  const message = `the server "${server}" answered with status ${status} and no JSON-RPC error`
  const error = new GatewayError('GW_UPSTREAM_STATUS', message, { data: { status } })
  return { error, isAboutEra: FOREIGN.has(status) }
}
