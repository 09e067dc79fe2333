// What the bench makes of its measurements of connections: the plan, memory per connection, and the section of the page.
// Nothing here looks at how long anything takes.
import { describe, expect, it } from 'vitest'
import { readOptions } from '../../bench/options.ts'
import { fullPlan, quickPlan, rowsOf, type Plan } from '../../bench/plan.ts'
import type { Sample } from '../../bench/rounds.ts'
import { summarise } from '../../bench/summary.ts'
import type { NginxVersion } from '../../bench/target/nginx.ts'
import type { TargetName } from '../../bench/target/target.ts'
import { summariseMemory, type MemorySample } from '../../bench/tls/idle-memory.ts'
import { TLS_YARDSTICK, type HandshakeCell } from '../../bench/tls/plan.ts'
import { perCoreSecond, renderMemory, renderTls } from '../../bench/tls/section.ts'
import { NGINX_TLS } from '../../bench/tls/targets.ts'
import { chooseGroups } from '../../src/tls/groups.ts'
import { toOpensslCiphers } from '../../src/tls/suites.ts'

const plan = fullPlan()
const cellOf = (key: string): HandshakeCell =>
  plan.handshakes.cells.find((cell) => cell.key === key) as HandshakeCell

const sample = (key: string, target: TargetName, round: number, micros: number) =>
  ({
    cell: cellOf(key),
    target,
    round,
    result: {
      count: 1_000,
      totalCount: 1_200,
      seconds: 0.5,
      processorSeconds: micros / 1_000,
      foreignSeconds: 0.1,
      latencyP50Ms: 1,
      latencyP99Ms: 2,
    },
  }) satisfies Sample<HandshakeCell>

const memory = (target: TargetName, round: number, kib: number): MemorySample => ({
  cell: plan.memory.cells[0] as MemorySample['cell'],
  target,
  round,
  bytesPerConnection: kib * 1_024,
})

describe('the plan for connections', () => {
  it('covers both certificates, full and resumed, in TLS 1.3 and 1.2', () => {
    const keys = plan.handshakes.cells.map(({ key }) => key)
    for (const version of ['1.3', '1.2']) {
      for (const certificate of ['p256', 'rsa2048']) {
        for (const kind of ['full', 'resumed']) {
          expect(keys).toContain(`tls-${version}-${certificate}-${kind}`)
        }
      }
    }
    expect(keys).toContain('tls-1.3-p256-full-hybrid')
    expect(keys).toContain('tls-none')
  })

  it('asks nginx for everything but the hybrid group', () => {
    for (const { handshake, targets } of plan.handshakes.cells) {
      expect(targets.includes('nginx')).toBe(handshake?.group !== 'X25519MLKEM768')
      expect(targets).toContain('sallyport')
    }
  })

  it('has no key twice', () => {
    for (const rows of [rowsOf(fullPlan()), rowsOf(quickPlan())]) {
      expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length)
    }
  })

  it('adds less than three minutes to a full run, and half of one to a quick one', () => {
    // Opening a connection takes about a millisecond, most of it in the load generator.
    const seconds = ({ handshakes, memory: idle }: Plan): number => {
      const measurements = handshakes.cells.reduce(
        (sum, { rounds, targets }) => sum + rounds * targets.length,
        0,
      )
      const each = handshakes.warmUpMs + handshakes.measureMs + 50
      const opened = idle.warmUpCount + idle.firstCount + idle.moreCount
      const idleMs = idle.cells.reduce(
        (sum, { rounds, targets }) =>
          sum + rounds * (2 * idle.settleMs + targets.length * opened * 1.2),
        0,
      )
      return (3 * handshakes.firstWarmUpMs + measurements * each + idleMs) / 1_000
    }
    expect(seconds(fullPlan())).toBeLessThan(180)
    expect(seconds(quickPlan())).toBeLessThan(30)
  })
})

describe('the command line', () => {
  const keysFor = (...args: string[]): string[] =>
    rowsOf(readOptions(args).plan).map(({ key }) => key)

  it('chooses rows of all parts by a piece of their key', () => {
    expect(keysFor('--only', 'memory')).toEqual(['memory-https', 'memory-http'])
    expect(keysFor('--quick', '--only', 'memory')).toEqual(['memory-https'])
    expect(keysFor('--only', 'tls-1.2')).toHaveLength(4)
    expect(keysFor('--only', 'tls').every((key) => key.startsWith('tls-'))).toBe(true)
    expect(keysFor('--only', 'modern-http-1k-32')).toContain('modern-http-1k-32')
    expect(keysFor('--quick')).toEqual(rowsOf(quickPlan()).map(({ key }) => key))
  })

  it('sets the rounds of every row', () => {
    const { plan: narrowed } = readOptions(['--rounds', '2'])
    expect(new Set(rowsOf(narrowed).map(({ rounds }) => rounds))).toEqual(new Set([2]))
  })

  it.each([
    [['--only', 'tls-9'], 'no row contains "tls-9"'],
    [['--rounds', '0'], '--rounds: expected 1 to 99'],
    [['--write', '--only', 'tls'], '--write: the page is made of full runs only'],
    [['--fast'], '--fast'],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args)).toThrow(message)
  })
})

describe('the memory of idle connections', () => {
  const cells = plan.memory.cells

  it('is the median of the rounds, and compared within each of them', () => {
    const samples = [
      memory('nginx', 1, 10),
      memory('nginx', 2, 20),
      memory('nginx', 3, 30),
      memory('sallyport', 1, 40),
      memory('sallyport', 2, 60),
      memory('sallyport', 3, 50),
    ]
    const [figures, ...others] = summariseMemory(samples, cells)
    expect(others).toEqual([])
    expect(figures?.targets).toEqual([
      {
        target: 'nginx',
        bytesPerConnection: 20 * 1_024,
        ratio: { median: 1, lowest: 1, highest: 1 },
      },
      {
        target: 'sallyport',
        bytesPerConnection: 50 * 1_024,
        ratio: { median: 3, lowest: 50 / 30, highest: 4 },
      },
    ])
    expect(figures && renderMemory(figures)).toMatch(/sallyport +50 KiB +3\.00 \(1\.67–4\.00\)/)
  })

  it('is compared with nothing when nginx was not measured', () => {
    const [figures] = summariseMemory([memory('sallyport', 1, 40)], cells)
    expect(figures?.targets).toEqual([
      { target: 'sallyport', bytesPerConnection: 40 * 1_024, ratio: undefined },
    ])
  })
})

describe('the section about TLS', () => {
  const render = (nginx: NginxVersion | undefined): string => {
    const samples = [
      sample('tls-1.3-p256-full', 'sallyport', 1, 400),
      sample('tls-1.3-p256-full', 'node-proxy', 1, 300),
      sample('tls-1.3-p256-full-hybrid', 'sallyport', 1, 500),
      sample('tls-1.2-rsa2048-resumed', 'sallyport', 1, 150),
      sample('tls-none', 'sallyport', 1, 50),
    ]
    if (nginx) samples.push(sample('tls-1.3-p256-full', 'nginx', 1, 250))
    const idle = [memory('sallyport', 1, 60), ...(nginx ? [memory('nginx', 1, 15)] : [])]
    return renderTls(
      {
        handshakes: summarise(samples, plan.handshakes.cells, TLS_YARDSTICK),
        memory: summariseMemory(idle, plan.memory.cells),
        config: 'listeners: []\n',
      },
      {
        machine: {
          processor: 'A Processor',
          coreCount: 2,
          node: 'v24.0.0',
          openssl: 'OpenSSL 3.5.0',
          undici: '8.0.0',
          nginx,
          sallyport: '0.1.0',
          isPinned: true,
        },
        handshakes: plan.handshakes,
        memory: plan.memory,
      },
    ).join('\n\n')
  }
  const nginx: NginxVersion = { nginx: 'nginx/1.22.1', openssl: 'OpenSSL 3.0.22' }

  it('shows for each handshake its cost, how many a core does, and the ratio to nginx', () => {
    expect(perCoreSecond(400)).toBe(2_500)
    expect(render(nginx)).toContain(
      '| 1.3 | ECDSA P-256 | full | X25519 | 400 µs, 2500/s | 300 µs, 3333/s | 250 µs, 4000/s | 1.60 (1.60–1.60) |',
    )
  })

  it('shows what nginx does not have without a ratio', () => {
    expect(render(nginx)).toContain(
      '| 1.3 | ECDSA P-256 | full | X25519MLKEM768 | 500 µs, 2000/s | – | – | – |',
    )
  })

  it('shows no key exchange where there is none, and the connection without TLS', () => {
    expect(render(nginx)).toContain('| 1.2 | RSA-2048 | resumed | – | 150 µs, 6667/s |')
    expect(render(nginx)).toContain('| none | – | – | – | 50 µs, 20000/s |')
  })

  it('shows the memory of an idle connection beside that of nginx', () => {
    expect(render(nginx)).toContain('| HTTPS | 60 KiB | – | 15 KiB | 4.00 (4.00–4.00) |')
  })

  it('names the TLS libraries, and says so when nginx was not measured', () => {
    expect(render(nginx)).toContain(
      "nginx/1.22.1 on OpenSSL 3.0.22, beside Node's own OpenSSL 3.5.0",
    )
    expect(render(undefined)).toContain('nginx, which is the unit here, is not in this run')
    expect(render(undefined)).toContain('| HTTPS | 60 KiB | – | – | – |')
  })
})

describe('what nginx is told about TLS', () => {
  const valueOf = (directive: string): string[] => {
    const line = NGINX_TLS.find((it) => it.startsWith(`${directive} `)) ?? ''
    return line.slice(directive.length + 1, -1).split(':')
  }

  it('is what the gateway does by default', () => {
    const suites = toOpensslCiphers(undefined, '1.2').split(':')
    // Those of TLS 1.3 are the default of both.
    expect(valueOf('ssl_ciphers')).toEqual(suites.filter((name) => !name.startsWith('TLS_')))
    expect(valueOf('ssl_protocols')).toEqual(['TLSv1.2 TLSv1.3'])
  })

  it('lacks of the groups the hybrid alone', () => {
    const { groups } = chooseGroups(undefined, () => true)
    expect(valueOf('ssl_ecdh_curve')).toEqual(groups.filter((name) => name !== 'X25519MLKEM768'))
  })
})
