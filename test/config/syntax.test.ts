import { describe, expect, it } from 'vitest'
import { formatPlace } from '../../src/config/index.ts'
import { faultLines, faultsOf, loadValid, MINIMAL } from './config-file.ts'

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2'

describe('a YAML mistake', () => {
  it.each([
    ['a tab', 'listeners:\n\t- listen: a\n', '2:1', 'a tab as indentation', 'indent with spaces'],
    [
      'an indent that fits nothing',
      'a:\n    b: 1\n  c: 2\n',
      '3:1',
      'indentation that does not fit',
    ],
    ['a missing quote', 'a: "b\nc: d\n', '1:4', 'a place where a character is missing'],
    ['a missing bracket', 'a: [b, c\nd: e\n', '2:1', 'indentation that does not fit'],
    [
      'an IPv6 address without quotes',
      'a: [::1]:8443\n',
      '1:9',
      'something that does not belong here',
      'put text with special characters in quotes',
    ],
    [
      'a value that starts with a reserved character',
      'a: @b\n',
      '1:4',
      'text that starts with a special character',
      'put it in quotes',
    ],
    ['an escape that is none', 'a: "\\q"\n', '1:5', 'an unknown escape in double quotes'],
    ['a second document', 'a: b\n---\nc: d\n', '2:1', 'a second document', 'remove the "---" line'],
    ['a list as key', '? [a]\n: b\n', '1:3', 'a key that is not text'],
    ['an unknown tag', 'a: !secret b\n', '1:4', 'an unknown tag', 'remove the "!…"'],
    [
      'a variable without quotes in a list',
      'a: [${B}]\n',
      '1:6',
      'a place where a character is missing',
      'inside [ ] and { }, write "${NAME}" in quotes',
    ],
    [
      'a variable without quotes in a map',
      'a: {b: ${B}}\n',
      '1:9',
      'something that does not belong here',
      'inside [ ] and { }, write "${NAME}" in quotes',
    ],
  ])('is told with its place: %s', (_, text, place, got, mend = expect.any(String)) => {
    const fault = faultsOf(text, { B: 'x' }).find(({ path }) => path === '')
    expect(fault).toMatchObject({ path: '', expected: 'valid YAML', got, mend })
    expect(fault && formatPlace(fault.place)).toBe(`sallyport.yaml:${place}`)
  })

  it('is told together with what was wrong before it, and without guesses about what follows', () => {
    const text = 'lisen: 1\nlimits: {max_headers: 1, x: "${NONE}"}\nservers: "\n'
    expect(faultLines(text).map((line) => line.split('; ')[0])).toEqual([
      'sallyport.yaml:1:1: lisen: expected a key that exists here, got the unknown key "lisen"',
      'sallyport.yaml:2:23: limits.max_headers: expected an integer from 8 to 2000, got 1',
      'sallyport.yaml:2:26: limits.x: expected a key that exists here, got the unknown key "x"',
      'sallyport.yaml:2:29: limits.x: expected the environment variable NONE to be set, got no such variable',
      'sallyport.yaml:3:10: expected valid YAML, got a place where a character is missing',
    ])
  })

  it('stops being told after ten lines of it', () => {
    expect(faultsOf(Array.from({ length: 40 }, (_, at) => `k${at}: @b\n`).join(''))).toHaveLength(
      10,
    )
  })

  it.each([
    ['behind a missing quote', `sessions: {keys: ["${SECRET}]}\n`],
    ['in a value with a stray quote', `sessions: {keys: ["${SECRET}" x]}\n`],
    ['on a line of its own', `sessions:\n  keys:\n  - ${SECRET}\n ${SECRET}\n`],
    ['in a key without value', `sessions:\n  keys: [a]\n${SECRET}\n`],
    ['under a tag', `sessions: {keys: [!${SECRET} a]}\n`],
    ['as an alias', `sessions: {keys: [*${SECRET}]}\n`],
    ['swallowed by the value before it', `log: {level: "info,\n\n  # ${SECRET}\n  access: "}\n`],
    ['in a key that is meant to be key and value', `"K: ${SECRET}": 1\n`],
    ['in a block', `log: {level: |\n  ${SECRET}\n`],
  ])('never quotes a secret: %s', (_, text) => {
    const lines = faultLines(`${MINIMAL}${text}`)
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain('hunter2')
  })
})

describe('anchors and aliases', () => {
  it('carry values, and faults in them point at what was written', () => {
    const text = MINIMAL.replace(
      '  files:\n',
      '    health_check: &often {interval: 1s, timeout: 1h}\n  files:\n    health_check: *often\n',
    )
    expect(faultLines(text).map((line) => line.split(': expected')[0])).toEqual([
      'sallyport.yaml:7:50: servers.weather.health_check.timeout',
      'sallyport.yaml:7:50: servers.files.health_check.timeout',
    ])
    const { options } = loadValid(text.replace('1h', '1m'))
    expect(options.servers.map(({ healthCheck }) => healthCheck.intervalMs)).toEqual([1_000, 1_000])
  })

  it('are refused where nothing is anchored, and where they contain themselves', () => {
    expect(faultLines(`${MINIMAL}log: *nobody\n`)[0]).toBe(
      'sallyport.yaml:13:6: log: expected an anchor of that name further up, got an alias to none; put text that starts with "*" in quotes',
    )
    expect(faultLines(`${MINIMAL}sessions: &a {keys: [*a]}\n`)[0]).toContain(
      'expected a value that ends, got an alias to a value that contains it',
    )
  })

  it('do not make a small file huge', () => {
    const levels = Array.from({ length: 9 }, (_, at) => {
      const items = at === 0 ? Array(10).fill('x') : Array(10).fill(`*a${at - 1}`)
      return `k${at}: &a${at} [${items.join(', ')}]\n`
    })
    const faults = faultsOf(levels.join(''))
    expect(faults.map(({ expected }) => expected)).toContain('a document of at most 100000 values')
  })
})
