// A scripted server that puts questions in the middle of a call, the questions, and answers to them.
import type { ServerResponse } from 'node:http'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { ABLE, done, openStream, questionsOf, scripted, type Script } from './back-of.ts'

export const HOW = { capabilities: ABLE }
export const ROOTS = { method: 'roots/list' }
export const FORM = {
  method: 'elicitation/create',
  params: { message: 'Who?', requestedSchema: {} },
}
export const SAMPLE = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }
export const YES = { action: 'accept', content: { answer: 'Ada' } }
export const CALL = { name: 'ask', arguments: { a: 1, b: [{ c: 2 }] } }

export type Write = (message: object) => void

/** A server that puts questions in rounds; it goes on when all of a round are answered. */
export async function asking(
  rounds: readonly (readonly object[])[],
  more: Script = () => undefined,
) {
  const streams: ServerResponse[] = []
  let write: Write = () => {}
  let callId = 0
  let nextId = 100
  let open = new Set<number>()
  let round = 0
  const goOn = (): void => {
    const questions = rounds[round++]
    if (questions === undefined) {
      write(done(callId, 'all answered'))
      streams.at(-1)?.end()
      return
    }
    open = new Set()
    for (const question of questions) {
      const id = nextId++
      open.add(id)
      write({ id, ...question })
    }
  }
  const server = await scripted((seen, response) => {
    if (more(seen, response) === true) return true
    if (seen.method === 'tools/call') {
      callId = seen.id
      streams.push(response)
      write = openStream(response)
      round = 0
      goOn()
      return true
    }
    if (seen.verb === 'POST' && seen.method === undefined && open.delete(seen.id)) {
      response.writeHead(202).end()
      if (open.size === 0) goOn()
      return true
    }
    return undefined
  })
  return { ...server, streams, write: (message: object) => write(message) }
}

/** Answers to all questions of a result, in their order. */
export function allAnswered(
  result: JsonObject | undefined,
  ...answers: readonly object[]
): JsonObject {
  const keys = Object.keys(questionsOf(result))
  return Object.fromEntries(keys.map((key, at) => [key, answers[at] ?? answers[0]]))
}
