import { Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { DurationTally } from '../../src/observability/duration-tally.ts'

const BOUNDS = [0.001, 0.1, 2.5]
const options = { name: 'waits_seconds', help: 'How long it took.' }

it('is exposed to the letter as the library’s own histogram', async () => {
  const [own, reference] = [new Registry(), new Registry()]
  const tally = new DurationTally({ ...options, label: 'route', boundsSeconds: BOUNDS })
  own.registerMetric(tally.asMetric())
  const histogram = new Histogram({
    ...options,
    labelNames: ['route'],
    buckets: BOUNDS,
    registers: [reference],
  })
  expect(await own.metrics()).toBe(await reference.metrics())
  for (const seconds of [0, 0.001, 0.0011, 0.5, 2.5, 99]) {
    for (const route of ['/mcp', '/a"b']) {
      tally.observe(route, seconds)
      histogram.observe({ route }, seconds)
    }
  }
  expect(await own.metrics()).toBe(await reference.metrics())
  expect(await own.metrics()).toContain('waits_seconds_bucket{le="0.1",route="/mcp"} 3\n')
})
