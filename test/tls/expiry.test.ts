import { describe, expect, it, onTestFinished } from 'vitest'
import { createLog, createMetrics } from '../../src/observability/index.ts'
import { ExpiryWatch } from '../../src/tls/expiry.ts'
import type { Expiring, TlsSource } from '../../src/tls/source.ts'
import { manualClock } from '../support/manual-clock.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.parse('2026-11-21T00:00:00Z')

function certificate(daysLeft: number, more: Partial<Expiring> = {}): Expiring {
  return {
    role: 'server',
    where: '/certs/server.crt',
    subject: 'CN=a.example',
    notAfterMs: NOW_MS + daysLeft * DAY_MS,
    ...more,
  }
}

async function startExpiry(...first: readonly Expiring[]) {
  const clock = manualClock(NOW_MS)
  const lines: string[] = []
  const write = (line: string): void => {
    const { level, msg, file, endpoint } = JSON.parse(line) as Record<string, string>
    lines.push(`${level} ${file ?? endpoint}: ${msg}`)
  }
  const metrics = createMetrics()
  const inUse = { expiring: first }
  const source: TlsSource = {
    name: 'listener test',
    files: [],
    get expiring() {
      return inUse.expiring
    },
    reload: () => false,
  }
  const expiry = new ExpiryWatch(() => [source], {
    log: createLog({ level: 'info', access: false }, { write }),
    metrics,
    clock,
  })
  onTestFinished(() => expiry.stop())
  await expiry.start()
  const series = async () =>
    (await metrics.certificateExpiry.get()).values.map(
      ({ labels, value }) => `${labels.role} ${labels.where} ${value}`,
    )
  return { clock, lines, expiry, inUse, series, taken: () => lines.splice(0) }
}

describe('the end of a certificate', () => {
  it('is logged at 30, 14, 7 and 1 days and when it has come, once each', async () => {
    const { clock, taken } = await startExpiry(certificate(40))
    expect(taken()).toEqual([])
    const told: [day: number, line: string][] = []
    for (let hour = 1; hour <= 45 * 24; hour++) {
      clock.advance(HOUR_MS)
      for (const line of taken()) told.push([hour / 24, line])
    }
    const end = '/certs/server.crt: the server certificate of CN=a.example'
    const on = 'on 2026-12-31T00:00:00.000Z'
    expect(told).toEqual([
      [10, `warn ${end} ends ${on}, in 30 days`],
      [26, `warn ${end} ends ${on}, in 14 days`],
      [33, `warn ${end} ends ${on}, in 7 days`],
      [39, `error ${end} ends ${on}, in less than 1 day`],
      [40, `error ${end} ended ${on}: renew it now`],
    ])
  })

  it('is logged at the start with the stage it is in', async () => {
    const { taken } = await startExpiry(
      certificate(6, { where: 'six' }),
      certificate(29, { where: 'twenty-nine' }),
      certificate(31, { where: 'thirty-one' }),
      certificate(-3, { where: 'past' }),
    )
    expect(taken().map((line) => line.replace(/the server.*on \S+/, ''))).toEqual([
      'error past:  renew it now',
      'warn six:  in 6 days',
      'warn twenty-nine:  in 29 days',
    ])
  })

  it('is that of the new one after a renewal', async () => {
    const { expiry, inUse, taken, series } = await startExpiry(certificate(6))
    expect(taken()).toHaveLength(1)
    inUse.expiring = [certificate(90)]
    expiry.check()
    expect(taken()).toEqual([])
    expect(expiry.warnings).toEqual([])
    expect(await series()).toEqual([`server /certs/server.crt ${(NOW_MS + 90 * DAY_MS) / 1_000}`])
    inUse.expiring = [certificate(5)]
    expiry.check()
    expect(taken()).toHaveLength(1)
  })

  it('is not early news for one that lives shorter than the stages', async () => {
    const born = (days: number): Partial<Expiring> => ({ notBeforeMs: NOW_MS - days * DAY_MS })
    const { clock, taken } = await startExpiry(certificate(6, born(1)))
    expect(taken()).toEqual([])
    clock.advance(5 * DAY_MS)
    expect(taken()).toEqual([expect.stringContaining('in less than 1 day')])
  })

  it.each([
    ['server', 'the server certificate of CN=x'],
    ['client', 'the client certificate of CN=x'],
    ['ca', 'the authority CN=x'],
    ['crl', 'the revocation list of CN=x'],
    ['upstream', 'the certificate shown by an endpoint, of CN=x'],
  ] as const)('is told by the role of what ends: %s', async (role, name) => {
    const { taken } = await startExpiry(certificate(10, { role, subject: 'CN=x' }))
    expect(taken()[0]).toContain(`: ${name} ends on `)
  })

  it('is no failure for an authority, which is one of many in a bundle', async () => {
    const { taken } = await startExpiry(certificate(-9, { role: 'ca', subject: 'CN=old root' }))
    expect(taken()).toEqual([
      'warn /certs/server.crt: the authority CN=old root ended on 2026-11-12T00:00:00.000Z',
    ])
  })

  it('is logged with a subject of bounded length in one line', async () => {
    const { taken } = await startExpiry(
      certificate(10, { subject: `O=a\nCN=${'x'.repeat(9_000)}` }),
    )
    expect(taken()[0]).toContain('O=a, CN=xxx')
    expect(taken().join('').length).toBeLessThan(500)
  })

  it('is a metric: one series per role and place, with the earliest end there', async () => {
    const { series } = await startExpiry(
      certificate(80, { role: 'ca', where: '/ca.crt', subject: 'CN=late' }),
      certificate(70, { role: 'ca', where: '/ca.crt', subject: 'CN=early' }),
      certificate(90),
    )
    expect((await series()).toSorted()).toEqual([
      `ca /ca.crt ${(NOW_MS + 70 * DAY_MS) / 1_000}`,
      `server /certs/server.crt ${(NOW_MS + 90 * DAY_MS) / 1_000}`,
    ])
  })
})

describe('a certificate that an endpoint shows', () => {
  const shown = (daysLeft: number, subject = 'CN=w1'): Expiring =>
    certificate(daysLeft, { role: 'upstream', where: 'w1.example:443', subject })

  it('is told like one of ours, once however often it is shown', async () => {
    const { expiry, taken, series } = await startExpiry()
    for (let times = 0; times < 3; times++) expiry.onPeerCertificate(shown(6))
    expect(taken()).toEqual([expect.stringContaining('w1.example:443: the certificate shown')])
    expect(await series()).toEqual([`upstream w1.example:443 ${(NOW_MS + 6 * DAY_MS) / 1_000}`])
    expect(expiry.warnings).toEqual([{ expiring: shown(6), daysLeft: 6 }])
  })

  it('is forgotten when a later handshake shows another chain', async () => {
    const { clock, expiry } = await startExpiry()
    expiry.onPeerCertificate(shown(6, 'CN=old'))
    expiry.onPeerCertificate(shown(7, 'CN=its authority'))
    clock.advance(2 * HOUR_MS)
    expect(expiry.warnings).toHaveLength(2)
    expiry.onPeerCertificate(shown(90, 'CN=new'))
    expiry.onPeerCertificate(shown(7, 'CN=its authority'))
    clock.advance(HOUR_MS)
    expect(expiry.warnings.map(({ expiring }) => expiring.subject)).toEqual(['CN=its authority'])
  })

  it('takes a place among a bounded number', async () => {
    const { clock, expiry, series } = await startExpiry()
    for (let peer = 0; peer < 700; peer++) {
      clock.advance(1)
      expiry.onPeerCertificate(certificate(6, { role: 'upstream', where: `peer ${peer}` }))
    }
    expect(await series()).toHaveLength(500)
    expect(await series()).toContainEqual(expect.stringContaining('peer 699'))
  })
})
