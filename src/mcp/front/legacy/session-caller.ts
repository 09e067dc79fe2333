// As whom a legacy session asks its view, and what becomes of what the view keeps under that name when the session ends.
import { randomBytes } from 'node:crypto'
import { isObject, type JsonObject } from '../../../wire/index.ts'
import { toModernClientCapabilities } from '../../translate/capabilities.ts'
import { lastingCaller } from '../../view/caller-text.ts'
import type { Caller } from '../../view/server-view.ts'
import type { FrontVisit } from '../visit.ts'

const ALONE_BYTES = 12

/**
 * Of the session that these params of `initialize` begin. Without an identity every session is a caller of its own: what a
 * server keeps for one is not for another.
 */
export function callerOfSession(
  { identity, callerKey }: Pick<FrontVisit, 'identity' | 'callerKey'>,
  { clientInfo, capabilities }: JsonObject,
): Caller {
  return lastingCaller({
    key: identity === undefined ? keyOfOne() : callerKey,
    clientInfo: isObject(clientInfo) ? clientInfo : undefined,
    capabilities: toModernClientCapabilities(isObject(capabilities) ? capabilities : {}),
  })
}

function keyOfOne(): string {
  return `alone ${randomBytes(ALONE_BYTES).toString('base64url')}`
}

/**
 * The session is over, or never began, and its calls and subscriptions have ended. A caller with an identity may be calling
 * elsewhere, in the modern era without any session: what is kept for it, the idle timeout ends.
 */
export function leaveView(
  { view, identity }: Pick<FrontVisit, 'view' | 'identity'>,
  { key }: Caller,
): void {
  if (identity === undefined) view.forgetCaller?.(key)
}
