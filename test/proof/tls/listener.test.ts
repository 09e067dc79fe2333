// A listener in each version, suite, group and way to ask for certificates, before programs that share no code with the
// gateway. docs/reference/tls.md is written from what is seen here (`npx vitest run test/proof/tls --update`).
import { describe, expect, it, vi } from 'vitest'
import { code } from '../../../scripts/reference/markdown.ts'
import { GROUP_NAMES } from '../../../src/tls/groups.ts'
import { SUITE_NAMES } from '../../../src/tls/suites.ts'
import { defaultsSeen } from './defaults-seen.ts'
import { KNOCKERS, knockWithNode } from './knock.ts'
import { Lab } from './lab.ts'
import { Cells, grouped, inWords, renderTlsPage, type TlsPage } from './page.ts'
import {
  allowedBy,
  CLASSIC_GROUPS,
  classicOf,
  type ClientAuthMode,
  clientAuthSettings,
  DEFAULTS,
  DEFAULTS_RSA,
  expectedOf,
  GROUP_SETTINGS,
  HTTP2_FORBIDDEN,
  HYBRID_GROUPS,
  isLetIn,
  refusalOf,
  type Setting,
  SHOWN,
  type Shown,
  SUITE_SETTINGS,
  VERSION_SETTINGS,
  WEAK,
} from './settings.ts'
import { OLD_SUITES, type Sighting, TLS13_SUITES, VERSIONS } from './sighting.ts'
import { NOT_OURS, weaknessesOf } from './testssl.ts'
import {
  aboutClients,
  aboutGroups,
  aboutSuites,
  aboutVersions,
  aboutWeakness,
  LET_IN,
  READING_LIMIT_MS,
  TestsslReadings,
} from './testssl-readings.ts'
import { CHROMIUM, CURL, GNUTLS, NMAP, OPENSSL, SSLSCAN, TESTSSL } from './tool.ts'

// Tests of testssl wait for readings that began before them.
vi.setConfig({ testTimeout: READING_LIMIT_MS })

const lab = new Lab()
const CLIENT_AUTH_SETTINGS = clientAuthSettings(lab.clientCaFile, lab.crlFile)
const settings = [
  DEFAULTS,
  DEFAULTS_RSA,
  WEAK,
  HTTP2_FORBIDDEN,
  ...VERSION_SETTINGS,
  ...SUITE_SETTINGS,
  ...GROUP_SETTINGS,
  ...CLIENT_AUTH_SETTINGS,
]
lab.start(settings)
lab.scan(settings)

const withoutCertificate = (mode: ClientAuthMode): readonly string[] =>
  isLetIn(mode) ? ['1.2', '1.3', LET_IN] : ['1.2', '1.3']

const testssl = new TestsslReadings(lab, [
  ...VERSION_SETTINGS.map((setting) => aboutVersions(setting, allowedBy(setting))),
  ...SUITE_SETTINGS.map((setting) => aboutSuites(setting, [setting.suite])),
  ...GROUP_SETTINGS.map((setting) => aboutGroups(setting, classicOf(setting))),
  ...CLIENT_AUTH_SETTINGS.map((setting) => aboutClients(setting, withoutCertificate(setting.mode))),
  aboutWeakness(WEAK, VERSIONS),
])

const cells = {
  versions: new Cells(),
  suites: new Cells(),
  groups: new Cells(),
  clientAuth: new Cells(),
}

const clientAuthRow = (mode: string, shown: Shown): string => `${code(mode)}, ${shown}`

/** Turned away, by an alert or without. */
const OUT = { kind: 'out' }
const outOf = (seen: Sighting): object =>
  seen.kind === 'refused' || seen.kind === 'closed' ? OUT : seen

const REFUSED: Sighting = { kind: 'refused', alert: 'handshake_failure' }

describe.each(VERSION_SETTINGS)('versions: $name', (setting) => {
  const allowed = allowedBy(setting)
  const note = (column: string, text: string): void =>
    cells.versions.note(code(setting.name), column, text)

  for (const { tool, knock } of KNOCKERS) {
    it.runIf(tool.isInstalled)(
      `${tool.name} agrees on what is allowed, and on nothing else`,
      async () => {
        const outcomes: (readonly [string, Sighting])[] = []
        for (const version of VERSIONS) {
          const seen = await knock(lab.target(setting), { version })
          expect(seen).toMatchObject(expectedOf(setting, version))
          outcomes.push([version, seen])
        }
        note(tool.name, grouped(outcomes))
      },
    )
  }

  it.runIf(SSLSCAN.isInstalled)('sslscan finds what is allowed, and nothing else', () => {
    const { versions } = lab.seen('sslscan', setting)
    expect(versions).toEqual(allowed)
    note(SSLSCAN.name, versions.join(', '))
  })

  it.runIf(NMAP.isInstalled)('nmap finds what is allowed, and nothing else', () => {
    const { suites, preferences } = lab.seen('nmap', setting)
    const versions = new Set(suites.map(({ version }) => version))
    expect([...versions]).toEqual(allowed)
    expect(new Set(preferences)).toEqual(new Set(['server']))
    note(NMAP.name, [...versions].join(', '))
  })

  it.runIf(TESTSSL.isInstalled)('testssl finds what is allowed, and nothing else', async () => {
    const { seen } = await testssl.of(setting)
    expect(seen).toEqual(allowed)
    note(TESTSSL.name, seen.join(', '))
  })

  it.runIf(CHROMIUM.isInstalled)('chromium agrees on the newest that it has as well', () => {
    const { handshake } = lab.seen('chromium', setting)
    const version = setting.max
    expect(handshake).toMatchObject(
      version >= '1.2'
        ? { kind: 'agreed', version }
        : { kind: 'refused', alert: 'protocol_version' },
    )
    note(CHROMIUM.name, handshake.kind === 'agreed' ? handshake.version : inWords(handshake))
  })
})

describe.each(SUITE_SETTINGS)('suites: $suite', (setting) => {
  const { suite, other } = setting
  const note = (column: string, text: string): void => cells.suites.note(code(suite), column, text)

  for (const { tool, knock } of KNOCKERS) {
    it.runIf(tool.isInstalled)(`${tool.name} agrees on it and on no other`, async () => {
      const target = lab.target(setting)
      const seen = await knock(target, {})
      expect(seen).toMatchObject({ kind: 'agreed', version: '1.2', suite })
      expect(await knock(target, { suite })).toMatchObject({ kind: 'agreed', suite })
      expect(await knock(target, { suite: other })).toEqual(REFUSED)
      note(tool.name, inWords(seen))
    })
  }

  it.runIf(SSLSCAN.isInstalled)('sslscan finds it alone', () => {
    const { suites } = lab.seen('sslscan', setting)
    expect(suites).toMatchObject([{ version: '1.2', suite }])
    note(SSLSCAN.name, suites[0]?.strength ?? '')
  })

  it.runIf(NMAP.isInstalled)('nmap finds it alone', () => {
    const { suites, leastStrength, warnings } = lab.seen('nmap', setting)
    expect(suites).toMatchObject([{ version: '1.2', suite }])
    note(NMAP.name, [leastStrength, ...warnings].join(', '))
  })

  it.runIf(TESTSSL.isInstalled)('testssl finds it alone', async () => {
    const { seen } = await testssl.of(setting)
    expect(seen).toEqual([suite])
    note(TESTSSL.name, 'agreed')
  })

  it.runIf(CHROMIUM.isInstalled)(
    'chromium agrees on it, or is refused when it does not offer it any more',
    () => {
      const { handshake } = lab.seen('chromium', setting)
      expect(handshake).toMatchObject(
        handshake.kind === 'agreed' ? { version: '1.2', suite } : REFUSED,
      )
      note(CHROMIUM.name, inWords(handshake))
    },
  )
})

describe.each(GROUP_SETTINGS)('groups: $group', (setting) => {
  const { group } = setting
  const isHybrid = HYBRID_GROUPS.includes(group)
  const other = group === 'P-256' ? 'P-384' : 'P-256'
  const note = (column: string, text: string): void => cells.groups.note(code(group), column, text)

  for (const { tool, knock } of KNOCKERS) {
    it.runIf(tool.isInstalled)(`${tool.name} agrees on it and on no other`, async () => {
      const target = lab.target(setting)
      const alone = await knock(target, { version: '1.3', group })
      const isKnown = alone.kind !== 'unable'
      const another = await knock(target, isKnown ? { version: '1.3', group: other } : {})
      const old = await knock(target, isKnown ? { version: '1.2', group } : { version: '1.2' })
      const agreed = { kind: 'agreed', group }
      expect({ alone, another, old }).toMatchObject({
        alone: isKnown || !isHybrid ? { ...agreed, version: '1.3' } : { kind: 'unable' },
        another: REFUSED,
        old: isHybrid ? REFUSED : { ...agreed, version: '1.2' },
      })
      note(tool.name, isKnown ? inWords(alone) : `${inWords(alone)}: ${inWords(another)}`)
    })
  }

  it.runIf(SSLSCAN.isInstalled)('sslscan finds no other', () => {
    const groups = new Set(lab.seen('sslscan', setting).suites.map(({ group }) => group))
    expect([...groups]).toEqual(isHybrid ? [] : [group])
    note(SSLSCAN.name, groups.size === 0 ? 'finds none' : 'agreed')
  })

  it.runIf(NMAP.isInstalled)('nmap finds no other', () => {
    const groups = new Set(lab.seen('nmap', setting).suites.map(({ group }) => group))
    expect([...groups]).toEqual(isHybrid || group === 'X448' ? [] : [group])
    note(NMAP.name, groups.size === 0 ? 'finds none' : 'agreed')
  })

  it.runIf(TESTSSL.isInstalled)('testssl finds no other', async () => {
    const { seen, findings } = await testssl.of(setting)
    expect(seen).toEqual(isHybrid ? [] : [group])
    const isRefused = findings.some(({ finding }) =>
      finding.includes("doesn't seem to be a TLS/SSL enabled server"),
    )
    expect(isRefused).toBe(isHybrid)
    note(TESTSSL.name, isRefused ? 'finds none' : 'agreed')
  })

  it.runIf(CHROMIUM.isInstalled)(
    'chromium agrees on it, or is refused when it has no use for it',
    () => {
      const { handshake } = lab.seen('chromium', setting)
      const isUsed = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'].includes(group)
      expect(handshake).toMatchObject(isUsed ? { kind: 'agreed', version: '1.3', group } : REFUSED)
      note(CHROMIUM.name, inWords(handshake))
    },
  )

  it('Node agrees on it', async () => {
    const seen = await knockWithNode(lab.target(setting), { group })
    expect(seen).toMatchObject({ kind: 'agreed', version: '1.3', group })
    note('Node', inWords(seen))
  })
})

describe.each(CLIENT_AUTH_SETTINGS)('client certificates: $name', (setting) => {
  const { mode } = setting
  const note = (shown: Shown, column: string, text: string): void =>
    cells.clientAuth.note(clientAuthRow(mode, shown), column, text)

  for (const { tool, knock, hearsAlerts } of KNOCKERS) {
    it.runIf(tool.isInstalled).each(SHOWN)(`${tool.name} with certificate: %s`, async (shown) => {
      const certificate = shown === 'none' ? undefined : lab.clients[shown]
      const ends: string[] = []
      for (const version of ['1.2', '1.3'] as const) {
        const refusal = refusalOf(mode, shown, version)
        const silent = refusal !== undefined
        const seen = await knock(lab.target(setting), { version, certificate, silent })
        const expected = refusal ?? { kind: 'agreed', version }
        const isHeard = refusal === undefined || hearsAlerts
        expect(isHeard ? seen : outOf(seen)).toMatchObject(isHeard ? expected : OUT)
        ends.push(refusal === undefined ? 'in' : isHeard ? inWords(seen) : 'out')
      }
      const isSame = new Set(ends).size === 1
      note(shown, tool.name, isSame ? (ends[0] ?? '') : `1.2: ${ends[0]}, 1.3: ${ends[1]}`)
    })
  }

  it.runIf(SSLSCAN.isInstalled)('sslscan is told the authority that counts', () => {
    const { authorities } = lab.seen('sslscan', setting)
    const isJudging = mode === 'request' || mode === 'verify'
    expect(authorities).toBe(isJudging ? '/CN=clients' : undefined)
    note('none', SSLSCAN.name, authorities === undefined ? 'suites' : `suites, ${authorities}`)
  })

  it.runIf(NMAP.isInstalled)('nmap finds the suites of the defaults', () => {
    const { suites } = lab.seen('nmap', setting)
    expect(suites).toEqual(lab.seen('nmap', DEFAULTS).suites)
    note('none', NMAP.name, 'suites')
  })

  it.runIf(TESTSSL.isInstalled)(
    'testssl, which has none, finds the versions of the defaults',
    async () => {
      const { seen } = await testssl.of(setting)
      expect(seen).toEqual(withoutCertificate(mode))
      note('none', TESTSSL.name, isLetIn(mode) ? 'in' : 'out')
    },
  )

  it.runIf(CHROMIUM.isInstalled)('chromium, which has none', () => {
    const { handshake, failure } = lab.seen('chromium', setting)
    const refusal = refusalOf(mode, 'none', '1.3')
    expect(failure === undefined).toBe(refusal === undefined)
    expect(handshake).toMatchObject(refusal?.kind === 'refused' ? refusal : { kind: 'agreed' })
    const end = refusal === undefined ? 'in' : inWords(refusal)
    note('none', CHROMIUM.name, end)
  })
})

it('leaves out no suite and no group that the configuration knows', () => {
  expect(OLD_SUITES.toSorted()).toEqual(SUITE_NAMES.toSorted())
  expect([...HYBRID_GROUPS, ...CLASSIC_GROUPS].toSorted()).toEqual(GROUP_NAMES.toSorted())
})

describe.each([DEFAULTS, DEFAULTS_RSA])('$name', (setting) => {
  it.runIf(SSLSCAN.isInstalled)('sslscan finds nothing weak', () => {
    expect(lab.seen('sslscan', setting).weaknesses).toEqual([])
  })

  it.runIf(NMAP.isInstalled)('nmap finds nothing weak', () => {
    const { leastStrength, warnings } = lab.seen('nmap', setting)
    expect({ leastStrength, warnings }).toEqual({ leastStrength: 'A', warnings: [] })
  })

  for (const { tool, knock } of KNOCKERS) {
    it.runIf(tool.isInstalled).each(TLS13_SUITES)(
      `${tool.name} agrees on %s alone`,
      async (suite) => {
        const seen = await knock(lab.target(setting), { suite })
        expect(seen).toMatchObject({ kind: 'agreed', version: '1.3', suite })
      },
    )
  }

  it.runIf(CHROMIUM.isInstalled)('chromium agrees on the post-quantum hybrid and HTTP/2', () => {
    expect(lab.seen('chromium', setting)).toMatchObject({
      handshake: { kind: 'agreed', version: '1.3', group: 'X25519MLKEM768', protocol: 'h2' },
      failure: undefined,
    })
  })
})

it.runIf(TESTSSL.isInstalled)('testssl finds nothing weak in the defaults', async () => {
  const findings = await testssl.everything()
  expect(weaknessesOf(findings)).toEqual([])
  expect(findings.filter(({ severity }) => severity === 'OK').length).toBeGreaterThan(30)
  const heartbeat = findings.find(({ id }) => id === 'heartbleed')?.finding
  expect(heartbeat).toContain('no heartbeat extension')
})

describe('a weak listener is found to be weak', () => {
  it.runIf(SSLSCAN.isInstalled)('by sslscan', () => {
    expect(lab.seen('sslscan', WEAK).weaknesses).toEqual(
      expect.arrayContaining(['version 1.0', 'TLS_RSA_WITH_AES_128_CBC_SHA in 1.2 is acceptable']),
    )
  })

  it.runIf(NMAP.isInstalled)('by nmap', () => {
    expect(lab.seen('nmap', WEAK).warnings).toContain('Forward Secrecy not supported by any cipher')
  })

  it.runIf(TESTSSL.isInstalled)('by testssl', async () => {
    const { seen, findings } = await testssl.of(WEAK)
    expect(seen).toEqual(VERSIONS)
    const deprecated = ['LOW TLS1: offered (deprecated)', 'LOW TLS1_1: offered (deprecated)']
    expect(weaknessesOf(findings)).toEqual(expect.arrayContaining(deprecated))
  })
})

/** By name: the generation that the page was written with, as what they can do hangs on it. Chromium is always the newest. */
const PAGE_TOOLS = new Map([
  [OPENSSL, '3.0'],
  [GNUTLS, '3.7'],
  [CURL, '7.88'],
  [SSLSCAN, '2.0'],
  [NMAP, '7.93'],
  [TESTSSL, '3.0'],
])
const strangers = [...PAGE_TOOLS].filter(([tool, line]) => tool.line !== line)
const isComplete = strangers.length === 0 && CHROMIUM.isInstalled
const needed = [...PAGE_TOOLS].map(([{ name }, line]) => `${name} ${line}`).join(', ')

it.runIf(isComplete)(`is what docs/reference/tls.md says (with ${needed}, chromium)`, async () => {
  await expect(renderTlsPage(await everythingSeen())).toMatchFileSnapshot(
    '../../../docs/reference/tls.md',
  )
})

async function everythingSeen(): Promise<TlsPage> {
  const tools = [...KNOCKERS.map(({ tool }) => tool), SSLSCAN, NMAP, TESTSSL, CHROMIUM]
  const columns = tools.map(({ name }) => name)
  const namesOf = (settings: readonly Setting[]) => settings.map(({ name }) => code(name))
  const clientRows = CLIENT_AUTH_SETTINGS.flatMap(({ mode }) =>
    SHOWN.map((shown) => clientAuthRow(mode, shown)),
  )
  return {
    tools: [...PAGE_TOOLS.keys()],
    defaults: await defaultsSeen(lab),
    versions: cells.versions.render('Listener', namesOf(VERSION_SETTINGS), columns),
    suites: cells.suites.render('Suite', namesOf(SUITE_SETTINGS), columns),
    groups: cells.groups.render('Group', namesOf(GROUP_SETTINGS), [...columns, 'Node']),
    clientAuth: cells.clientAuth.render('Mode, certificate', clientRows, columns),
    setAside: NOT_OURS,
  }
}
