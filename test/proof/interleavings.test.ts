// Calls of clients of both eras on servers of both eras, in any order of starting, progress, logs, questions, cancellation and
// end, where everybody uses the same ids and the same progress tokens: each message reaches exactly the call it belongs to.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { initialize, legacyMessage } from '../support/mcp-messages.ts'
import { ACTS, Changes, PLACES, Slot } from './call-slot.ts'
import { startDrivenLegacy, startDrivenModern } from './driven-servers.ts'
import { RawCaller } from './raw-caller.ts'

const RUNS = 2_000
const ADDRESSES = ['127.0.0.1', '127.0.0.2']

const CLIENT_CAPABILITIES = { elicitation: {} }

async function openSession(caller: RawCaller, url: string): Promise<string> {
  const hello = initialize()
  const body = hello.body.replace(
    '"capabilities":{}',
    `"capabilities":${JSON.stringify(CLIENT_CAPABILITIES)}`,
  )
  const { headers } = await caller.send(url, { ...hello, body })
  const session = String(headers['mcp-session-id'])
  await caller.send(url, legacyMessage({ method: 'notifications/initialized' }, session))
  return session
}

async function startSlots() {
  const changes = new Changes()
  const old = await startDrivenLegacy(changes.tell)
  const modern = await startDrivenModern(changes.tell)
  const gateway = await startTestGateway({
    servers: { old: [httpEndpoint(old.url)], new: [httpEndpoint(modern.url)] },
    routes: { '/both': ['old', 'new'] },
  })
  const slots: Slot[] = []
  for (const address of ADDRESSES) {
    const caller = new RawCaller(address, 256)
    for (const place of PLACES) {
      const url = gateway.url + place.path
      const session = place.era === 'legacy' ? await openSession(caller, url) : undefined
      const server = place.server === 'old' ? old : modern
      const parts = { caller, url, server, changes, session }
      slots.push(new Slot(place, 0, parts), new Slot(place, 1, parts))
    }
  }
  return { slots, servers: [old, modern] as const }
}

it(`each message reaches its own call, in ${RUNS} interleavings`, {
  timeout: 180_000,
}, async () => {
  const { slots, servers } = await startSlots()
  let labels = 0
  let acts = 0
  const step = fc.record({
    slot: fc.nat({ max: slots.length - 1 }),
    act: fc.constantFrom(...ACTS),
  })
  // What is in one list happens at the same time.
  const schedule = fc.array(fc.uniqueArray(step, { maxLength: 6, selector: ({ slot }) => slot }), {
    minLength: 1,
    maxLength: 8,
  })
  const property = fc.asyncProperty(schedule, async (moments) => {
    for (const moment of moments) {
      acts += moment.length
      await Promise.all(
        moment.map(({ slot, act }) => (slots[slot] as Slot).act(act, `call ${labels++}`)),
      )
    }
    await Promise.all(slots.map((slot) => slot.end()))
    expect(servers.flatMap(({ strays }) => strays)).toEqual([])
  })
  // A failure leaves calls open, so that shrinking would begin in another state.
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
  console.log(`${acts} acts`)
  expect(acts).toBeGreaterThan(RUNS)
})
