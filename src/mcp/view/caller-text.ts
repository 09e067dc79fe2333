// Callers as texts, to tell those apart for whom a server may answer differently.
import type { Caller } from './server-view.ts'

/** Equal for two callers exactly if their keys are, and what they can do, and what they call themselves. */
export function textOfCaller(caller: Caller): string {
  return caller.text ?? JSON.stringify([caller.key, caller.capabilities, caller.clientInfo])
}

/** A caller of many calls, whose text is worked out once. A copy with changes does not take it along. */
export function lastingCaller(caller: Caller): Caller {
  const value = textOfCaller(caller)
  return Object.defineProperty({ ...caller }, 'text', { value, enumerable: false })
}
