// Which endpoint a message of the modern era must go to on the straight lane: the one that has the task, or that asked for
// the input, which the message is about. Costs nothing where a server has one endpoint, and little where it has several.
import type { Content } from '../../core/index.ts'
import type { RoutedSink } from '../../routing/index.ts'
import { isObject, type Inbound } from '../../wire/index.ts'
import type { AnswerPlaces } from '../back/modern/index.ts'
import { callerKeyOf, type CallerTraces } from '../caller.ts'
import { ASKING_METHODS } from '../translate/input-requests.ts'
import { isTaskMethod } from '../translate/tasks.ts'
import { PlacedAnswer } from './placed-answer.ts'

/** A message on its way, of which `inbound.message` is only built when there is a reason to. */
export interface PlacedMessage {
  readonly from: CallerTraces
  readonly inbound: Inbound | undefined
  readonly content: Content | undefined
}

/** Undefined: any endpoint. */
export function placeOf(
  places: AnswerPlaces,
  { from, inbound, content }: PlacedMessage,
): string | undefined {
  if (inbound?.method === undefined || content === undefined) return undefined
  if (inbound.era !== 'modern' || !places.isNeeded) return undefined
  const { method } = inbound
  if (!refersToEarlier(method, content)) return undefined
  const { message } = inbound
  const params = 'params' in message ? message.params : undefined
  if (!isObject(params)) return undefined
  return places.find({ method, params, callerKey: callerKeyOf(from) })
}

/** The sink, or one before it that takes note of what later messages may be about. */
export function notingPlaces(
  places: AnswerPlaces,
  { from, inbound }: PlacedMessage,
  sink: RoutedSink,
): RoutedSink {
  if (inbound?.era !== 'modern' || !ASKING_METHODS.has(inbound.method ?? '')) return sink
  if (!places.isNeeded) return sink
  return new PlacedAnswer(sink, (result, endpointKey) =>
    places.note(callerKeyOf(from), result, endpointKey),
  )
}

/** A retry that spells the name with an escape is not seen as one, and goes to any endpoint. */
function refersToEarlier(method: string, content: Content): boolean {
  if (isTaskMethod(method)) return true
  if (method === 'subscriptions/listen') return content.includes('"taskIds"')
  return ASKING_METHODS.has(method) && content.includes('"requestState"')
}
