import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configJsonSchema, describeConfig } from '../../src/config/index.ts'
import { faultsOf, MINIMAL } from './config-file.ts'

type Json = Record<string, unknown>

const schema = configJsonSchema() as Json
const validator = z.fromJSONSchema(schema)
const accepts = (text: string): boolean => validator.safeParse(parse(text)).success

/** Every description in the schema. */
function descriptions(json: unknown): string[] {
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([key, value]) =>
    key === 'description' && typeof value === 'string' ? [value] : descriptions(value),
  )
}

describe('the JSON Schema', () => {
  it('accepts what the loader accepts', () => {
    expect(accepts(MINIMAL)).toBe(true)
    expect(
      accepts(
        `${MINIMAL}limits: {max_headers: 9, keep_alive: 1s}\nlog: {level: warn, access: false}\n`,
      ),
    ).toBe(true)
  })

  it.each([
    `${MINIMAL}limits: {max_headers: "\${N}", keep_alive: "\${T}", max_body_bytes: "\${N:-1}MiB"}\n`,
    `${MINIMAL}log: {level: "\${L:-info}", access: "\${A}"}\n`,
    `${MINIMAL}sessions: {keys: ["\${KEY}"]}\n`,
    MINIMAL.replace('127.0.0.1:8443', '"${LISTEN}"').replace('http://127', '${SCHEME}://127'),
  ])('does not mark variables: %#', (text) => {
    expect(accepts(text)).toBe(true)
  })

  it.each([
    'limits: {max_headers: 7}',
    'limits: {max_headers: "9"}',
    'limits: {keep_alive: 10}',
    'limits: {keep_alive: 10sec}',
    'limits: {max_header: 9}',
    'log: {level: trace}',
    'log: {level: "x${L}"}',
    'log: {access: "yes"}',
    'sessions: {keys: [short]}',
    'admin: {listen: nowhere}',
    'mode: gateway',
  ])('refuses, as the loader does: %s', (line) => {
    expect(accepts(`${MINIMAL}${line}\n`)).toBe(false)
    expect(faultsOf(`${MINIMAL}${line}\n`)).not.toEqual([])
  })

  it('refuses a key of the other kind of server', () => {
    expect(accepts(MINIMAL.replace('npx\n', 'npx\n    max_streams: 1\n'))).toBe(false)
  })

  it('describes every key, with its range in words', () => {
    const found = descriptions(schema)
    for (const { path, description } of describeConfig()) {
      expect(
        found.some((text) => text.startsWith(description)),
        path,
      ).toBe(true)
    }
    expect(found).toContainEqual(expect.stringMatching(/ Expected: a duration from 0s to 1h\.$/))
  })

  it('has the defaults that the loader fills in', () => {
    const limits = (schema['properties'] as Json)['limits'] as { properties: Json }
    expect(limits.properties['max_headers']).toMatchObject({
      default: 100,
      minimum: 8,
      maximum: 2000,
    })
    expect(limits.properties['keep_alive']).toMatchObject({ default: '15s', type: 'string' })
  })
})
