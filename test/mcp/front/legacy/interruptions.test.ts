// Whatever happens to its connections, a legacy client that resumes sees every message of a call once and in order.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { until } from '../../../support/servers.ts'
import { readEvents, type EventStreamReader } from '../event-reader.ts'
import { progress, ScriptedView, type ScriptedCall } from '../scripted-view.ts'
import { startFronts } from '../start-fronts.ts'
import { openRawSession } from './raw-session.ts'

/** `say`: the server; the others: the client. Leaving is telling nobody, resuming is a new connection beside the old one. */
const steps = fc.array(fc.constantFrom('say', 'say', 'read', 'leave', 'resume'), { maxLength: 30 })

it('every message of an interrupted call arrives once, in order', async () => {
  const view = new ScriptedView({
    'tools/call': ({ sink }) => {
      sink.onNotification(progress(0, 0))
      return undefined
    },
  })
  const { url, underWay } = await startFronts({ view })
  const session = await openRawSession(url)
  let id = 0
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      id++
      const before = view.of('tools/call').length
      let reader: EventStreamReader | undefined = await session.stream('tools/call', {}, id)
      const { sink } = view.of('tools/call')[before] as ScriptedCall
      const seen: unknown[] = []
      let lastId: string | undefined
      let said = 1
      const read = async (): Promise<boolean> => {
        const event = await reader?.next()
        if (event?.id !== undefined) lastId = event.id
        if (event?.data) seen.push((JSON.parse(event.data) as { params?: unknown }).params ?? 'end')
        return event !== undefined
      }
      await read()
      await read()
      for (const step of plan) {
        if (step === 'say') sink.onNotification(progress(0, said++))
        else if (step === 'read' && reader !== undefined && seen.length < said) await read()
        else if (step === 'leave') {
          await reader?.leave()
          reader = undefined
        } else if (step === 'resume') {
          reader = readEvents(await session.get(lastId))
        }
      }
      sink.onResult({ resultType: 'complete' })
      reader = readEvents(await session.get(lastId))
      while (await read());
      const counts = Array.from({ length: said }, (_, count) => progress(0, count).params)
      expect(seen).toEqual([...counts, 'end'])
    }),
    { numRuns: 60 },
  )
  await until(() => underWay() === 0, 'the end of all')
})
