// What becomes of one request at a legacy server, and how its reader hears of it.
import type { GatewayError } from '../../../core/index.ts'
import type { JsonObject } from '../../../wire/index.ts'
import type { RpcError } from '../../view/server-view.ts'
import type { CallReader, Fate } from './call-reader.ts'

export type Outcome =
  | { readonly kind: 'result'; readonly result: JsonObject }
  | { readonly kind: 'error'; readonly error: RpcError }
  | { readonly kind: 'failure'; readonly error: GatewayError; readonly fate: Fate }

export function tell(reader: CallReader, outcome: Outcome): void {
  if (outcome.kind === 'result') reader.onResult(outcome.result)
  else if (outcome.kind === 'error') reader.onError(outcome.error)
  else reader.onFailure(outcome.error, outcome.fate)
}

/** An outcome that came while nobody read. */
export interface HeldOutcome {
  readonly outcome: Outcome
  readonly bytes: number
}
