// What `testssl` sees of every listener, asked for what makes the listener another one. It is a shell script, and three
// quarters of its time is start-up: so it runs beside the other tests, two at a time, each run for one question.
import { beforeAll } from 'vitest'
import type { Lab } from './lab.ts'
import { DEFAULTS, type Setting } from './settings.ts'
import { groupOf, SUITE_NUMBERS, VERSIONS } from './sighting.ts'
import { EVERYTHING, type Finding, QUICK, runTestssl, weaknessesOf } from './testssl.ts'
import { TESTSSL } from './tool.ts'

/** More of them get in each other's way: there are as many processors where this is proved. */
const AT_ONCE = 2

/**
 * On a busy machine the script gives up on handshakes that come late, so it can miss what is there, and is asked again. It
 * cannot see what is not there: too much is never asked for again.
 */
const MAX_READINGS = 3

/** What a test that waits for a reading may take: all readings of it, on a machine with a load of ten. */
export const READING_LIMIT_MS = 600_000

export interface Question {
  readonly setting: Setting
  /** What `testssl` is told to look at. */
  readonly checks: readonly string[]
  /** The answer in words of the standards. */
  readonly read: (findings: readonly Finding[]) => readonly string[]
  readonly expected: readonly string[]
}

export interface Reading {
  readonly seen: readonly string[]
  readonly findings: readonly Finding[]
}

export class TestsslReadings {
  readonly #lab: Lab
  readonly #readings = new Map<string, Promise<Reading>>()
  #everything: Promise<readonly Finding[]> | undefined

  /** To be made while tests are collected, after `lab.start`. The tests that wait for readings best come in this order. */
  constructor(lab: Lab, questions: readonly Question[]) {
    this.#lab = lab
    beforeAll(() => {
      if (!TESTSSL.isInstalled) return
      // Most of its minute it waits.
      this.#everything = quiet(this.#readEverything())
      const takeTurns = inTurns(AT_ONCE)
      for (const question of questions) {
        const reading = takeTurns(() => this.#readUntilComplete(question))
        this.#readings.set(question.setting.name, quiet(reading))
      }
    })
  }

  of({ name }: Setting): Promise<Reading> {
    const reading = this.#readings.get(name)
    if (reading === undefined) throw new Error(`testssl was not asked about ${name}`)
    return reading
  }

  /** All it can look for, in the defaults. */
  async everything(): Promise<readonly Finding[]> {
    return (await this.#everything) ?? []
  }

  /** Until it could find out about everything; what it holds against the listener is never asked for again. */
  async #readEverything(): Promise<readonly Finding[]> {
    for (let count = 1; ; count++) {
      const findings = await runTestssl(this.#lab.target(DEFAULTS), EVERYTHING, this.#lab.folder)
      const held = weaknessesOf(findings)
      const isUnsure = held.length > 0 && held.every((weakness) => weakness.startsWith('WARN'))
      if (!isUnsure || count === MAX_READINGS) return findings
    }
  }

  async #readUntilComplete({ setting, checks, read, expected }: Question): Promise<Reading> {
    for (let count = 1; ; count++) {
      const findings = await runTestssl(this.#lab.target(setting), checks, this.#lab.folder)
      const seen = read(findings)
      const isComplete = expected.every((each) => seen.includes(each))
      const isTooMuch = seen.some((each) => !expected.includes(each))
      if (isComplete || isTooMuch || count === MAX_READINGS) return { seen, findings }
    }
  }
}

/** A failure is told by the test that waits for it, which may come later. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function inTurns(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = limit
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    else free -= 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

const VERSION_IDS = ['TLS1', 'TLS1_1', 'TLS1_2', 'TLS1_3']

/** Of old ones as well: nobody has them, and that is what is to be seen. */
function versionsIn(findings: readonly Finding[]): readonly string[] {
  return findings.flatMap(({ id, finding }) => {
    if (!finding.startsWith('offered')) return []
    if (id === 'SSLv2' || id === 'SSLv3') return id
    return VERSIONS[VERSION_IDS.indexOf(id)] ?? []
  })
}

export const aboutVersions = (setting: Setting, expected: readonly string[]): Question => ({
  setting,
  checks: ['-p'],
  read: versionsIn,
  expected,
})

/** Every suite that it knows, of every version. */
export const aboutSuites = (setting: Setting, expected: readonly string[]): Question => ({
  setting,
  checks: ['-e', '--mapping', 'iana'],
  read: (findings) =>
    findings.flatMap(({ id }) => {
      const [, number] = /^cipher_x([\da-f]+)$/.exec(id) ?? []
      if (number === undefined) return []
      return SUITE_NUMBERS.get(Number.parseInt(number, 16)) ?? `suite ${number}`
    }),
  expected,
})

export const aboutGroups = (setting: Setting, expected: readonly string[]): Question => ({
  setting,
  checks: ['-f'],
  read: (findings) =>
    findings
      .filter(({ id }) => id === 'PFS_ECDHE_curves')
      .flatMap(({ finding }) => finding.split(' ').map(groupOf)),
  expected,
})

/** It has no finding about client certificates; but it says when its request was answered over HTTP, and it has none to show. */
export const LET_IN = 'in'

export const aboutClients = (setting: Setting, expected: readonly string[]): Question => ({
  setting,
  checks: ['-p'],
  read: (findings) => [
    ...versionsIn(findings),
    ...findings
      .filter(({ id, finding }) => id === 'service' && finding === 'HTTP')
      .map(() => LET_IN),
  ],
  expected,
})

export const aboutWeakness = (setting: Setting, expected: readonly string[]): Question => ({
  setting,
  checks: QUICK,
  read: versionsIn,
  expected,
})
