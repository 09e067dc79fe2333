import { describe, expect, it } from 'vitest'
import { section } from '../../../src/core/fields.ts'
import {
  areToolsUntouched,
  NO_TOOL_RULES,
  routeCatalogShape,
  serverCatalogShape,
  toCatalogOptions,
  toToolRuleOptions,
} from '../../../src/mcp/catalog/options.ts'

const route = section(routeCatalogShape)
const server = section(serverCatalogShape)

describe('the catalogue of a route', () => {
  it('has defaults for everything', () => {
    expect(toCatalogOptions(route.parse({}))).toEqual({
      names: 'prefix',
      pageSize: 100,
      timeoutMs: 5_000,
      pollIntervalMs: 300_000,
    })
  })

  it('takes what is written', () => {
    const written = { names: 'keep', page_size: 7, catalog: { timeout: '2s', poll_interval: '1m' } }
    expect(toCatalogOptions(route.parse(written))).toEqual({
      names: 'keep',
      pageSize: 7,
      timeoutMs: 2_000,
      pollIntervalMs: 60_000,
    })
  })

  it.each([
    { names: 'suffix' },
    { page_size: 0 },
    { page_size: 1_001 },
    { catalog: { timeout: '0s' } },
    { catalog: { timeout: '2m' } },
    { catalog: { poll_interval: '10ms' } },
    { catalog: { unknown: 1 } },
  ])('does not take %j', (written) => {
    expect(route.safeParse(written).success).toBe(false)
  })
})

describe('the tools of a server', () => {
  it('are untouched by default', () => {
    const rules = toToolRuleOptions(server.parse({}))
    expect(rules).toEqual(NO_TOOL_RULES)
    expect(areToolsUntouched(rules)).toBe(true)
  })

  it.each([{ allow: [] }, { deny: ['x'] }, { rename: { x: 'y' } }])(
    'are touched by %j',
    (tools) => {
      expect(areToolsUntouched(toToolRuleOptions(server.parse({ tools })))).toBe(false)
    },
  )

  it.each([
    { allow: 'x' },
    { deny: [''] },
    { deny: ['x'.repeat(257)] },
    { rename: { x: 'y', z: 'y' } },
    { rename: { x: '' } },
  ])('do not take %j', (tools) => {
    expect(server.safeParse({ tools }).success).toBe(false)
  })
})
