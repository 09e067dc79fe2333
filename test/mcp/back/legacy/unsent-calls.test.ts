// Questions that come on no call's stream, or instead of an answer: the client is asked before its call is made.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/wire/index.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/servers.ts'
import { ask, begin, textOf } from '../modern/view-of.ts'
import { allAnswered, CALL, HOW, ROOTS, SAMPLE, type Write } from './asking.ts'
import {
  answerJson,
  backOf,
  done,
  listen,
  openStream,
  questionsOf,
  resultOf,
  retryOf,
  scripted,
  type Script,
} from './back-of.ts'

describe('questions on the stream of the session', () => {
  /** A server with a stream on which it says what it is told to. */
  async function streaming(script: Script = () => undefined) {
    let write: Write = () => {}
    const server = await scripted(
      (seen, response) => {
        if (script(seen, response) === true) return true
        if (seen.verb !== 'GET') return undefined
        write = openStream(response)
        return true
      },
      { capabilities: { tools: { listChanged: true } } },
    )
    return { ...server, write: (message: object) => write(message) }
  }

  it('for roots are answered before the call that carries them is made', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    await resultOf(back, 'tools/list', {}, HOW)
    server.write({ id: 'r', ...ROOTS })
    let asked: JsonObject | undefined
    await until(async () => {
      asked = (await ask(back, 'tools/call', CALL, HOW)).results[0]
      return asked?.['resultType'] === 'input_required'
    }, 'the question')
    const sent = server.of('tools/call').length
    expect(Object.values(questionsOf(asked))).toEqual([ROOTS])
    const roots = { roots: [{ uri: 'file:///a' }] }
    const retry = retryOf(CALL, asked, allAnswered(asked, roots))
    expect(textOf(await resultOf(back, 'tools/call', retry, HOW))).toBe('done')
    expect(server.of('tools/call')).toHaveLength(sent + 1)
    const order = server.seen.filter(({ verb }) => verb === 'POST').slice(-2)
    expect(order).toMatchObject([{ message: { id: 'r', result: roots } }, { method: 'tools/call' }])
    const { errors } = await ask(back, 'tools/call', retry, HOW)
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
  })

  it('for roots are kept for the next call when theirs is over before they are asked', async () => {
    const clock = manualClock()
    let answer = (): void => {}
    const server = await streaming(({ method, id }, response) => {
      if (method !== 'tools/call') return undefined
      answer = () => void answerJson(response, done(id))
      return true
    })
    const { back } = await backOf([server.url], { clock })
    const { heard } = listen(back, { toolsListChanged: true }, HOW)
    await until(() => heard.acknowledged.length === 1, 'the listener')
    const first = begin(back, 'tools/call', CALL, HOW)
    await until(() => server.of('tools/call').length === 1, 'the call')
    server.write({ id: 'r', ...ROOTS })
    server.write({ method: 'notifications/tools/list_changed' })
    await until(() => heard.changes.length === 1, 'what came after the question')
    answer()
    expect(textOf((await first.done).results[0])).toBe('done')
    expect(server.of(undefined)).toEqual([])
    const next = await resultOf(back, 'tools/call', CALL, HOW)
    expect(Object.values(questionsOf(next))).toEqual([ROOTS])
  })

  it('for anything else are refused while no call could carry them', async () => {
    const server = await streaming()
    const { back } = await backOf([server.url])
    await resultOf(back, 'tools/list', {}, HOW)
    server.write({ id: 's', ...SAMPLE })
    await until(() => server.of(undefined).length === 1, 'the refusal')
    expect(server.of(undefined)).toMatchObject([{ message: { id: 's', error: { code: -32_601 } } }])
  })

  it('are asked in the call that is under way', async () => {
    const server = await streaming(({ method }, response) => {
      if (method !== 'tools/call') return undefined
      openStream(response)
      return true
    })
    const { back } = await backOf([server.url])
    const asked = begin(back, 'tools/call', CALL, HOW)
    await until(() => server.of('tools/call').length === 1, 'the call')
    server.write({ id: 's', ...SAMPLE })
    const { results } = await asked.done
    expect(Object.values(questionsOf(results[0]))).toEqual([SAMPLE])
  })
})

describe('a call refused until URLs are visited', () => {
  const visit = { mode: 'url', message: 'Sign in', url: 'https://a.example/sign-in' }
  const error = {
    code: -32_042,
    message: 'sign in first',
    data: { elicitations: [{ ...visit, elicitationId: 'e' }] },
  }
  const refusing = (times: number) => {
    let calls = 0
    return scripted(({ method, id }, response) => {
      if (method !== 'tools/call' || calls++ >= times) return undefined
      return answerJson(response, { id, error })
    })
  }

  it('is asked for as a visit, and made again in the retry', async () => {
    const server = await refusing(2)
    const { back } = await backOf([server.url])
    const first = await resultOf(back, 'tools/call', CALL, HOW)
    expect(Object.values(questionsOf(first))).toEqual([
      { method: 'elicitation/create', params: visit },
    ])
    const retry = retryOf(CALL, first, allAnswered(first, { action: 'accept' }))
    const second = await resultOf(back, 'tools/call', retry, HOW)
    const again = retryOf(CALL, second, allAnswered(second, { action: 'accept' }))
    expect(textOf(await resultOf(back, 'tools/call', again, HOW))).toBe('done')
    expect(server.of('tools/call').map(({ params }) => params)).toEqual([CALL, CALL, CALL])
    const { errors } = await ask(back, 'tools/call', retry, HOW)
    expect(errors).toMatchObject([{ data: { reason: 'invalid_request_state' } }])
  })

  it('is over when the visit is declined', async () => {
    const server = await refusing(1)
    const { back } = await backOf([server.url])
    const asked = await resultOf(back, 'tools/call', CALL, HOW)
    const retry = retryOf(CALL, asked, allAnswered(asked, { action: 'decline' }))
    expect(await resultOf(back, 'tools/call', retry, HOW)).toMatchObject({ isError: true })
    expect(server.of('tools/call')).toHaveLength(1)
  })

  it('fails for a client that cannot be asked', async () => {
    const server = await refusing(1)
    const { back } = await backOf([server.url])
    const { errors } = await ask(back, 'tools/call', CALL, { capabilities: { elicitation: {} } })
    expect(errors).toMatchObject([{ code: -32_603, message: 'sign in first' }])
  })
})
