import { describe, expect, it } from 'vitest'
import {
  toLegacyClientCapabilities,
  toLegacyServerCapabilities,
  toModernClientCapabilities,
  toModernServerCapabilities,
} from '../../../src/mcp/translate/capabilities.ts'
import { withEnvelope, withoutEnvelope } from '../../../src/mcp/translate/envelope.ts'
import {
  httpStatusOf,
  toLegacyError,
  toModernError,
  toRpcError,
} from '../../../src/mcp/translate/errors.ts'
import {
  canAnswer,
  inputRequestsOfError,
  toLegacyInputRequest,
  toModernInputRequest,
} from '../../../src/mcp/translate/input-requests.ts'
import { isAtLeast, leastSevere, LOG_LEVELS } from '../../../src/mcp/translate/log-levels.ts'

const META = 'io.modelcontextprotocol/'

describe('an envelope', () => {
  const full = {
    version: '2026-07-28',
    capabilities: { roots: {} },
    clientInfo: { name: 'c', version: '1' },
    logLevel: 'info',
  }

  it('is put on beside what is there and comes off again without a trace', () => {
    const params = { name: 'x', _meta: { progressToken: 0, traceparent: 't' } }
    const closed = withEnvelope(params, full)
    expect(closed).toEqual({
      name: 'x',
      _meta: {
        progressToken: 0,
        traceparent: 't',
        [`${META}protocolVersion`]: '2026-07-28',
        [`${META}clientCapabilities`]: { roots: {} },
        [`${META}clientInfo`]: { name: 'c', version: '1' },
        [`${META}logLevel`]: 'info',
      },
    })
    expect(withoutEnvelope(closed)).toEqual({ params, ...full })
  })

  it('says nothing of what is not known', () => {
    const bare = { ...full, clientInfo: undefined, logLevel: undefined }
    expect(Object.keys(withEnvelope({}, bare)['_meta'] as object)).toEqual([
      `${META}protocolVersion`,
      `${META}clientCapabilities`,
    ])
  })

  it('replaces what a client put there under its names', () => {
    const params = { _meta: { [`${META}protocolVersion`]: '1999-01-01' } }
    expect(withoutEnvelope(withEnvelope(params, full)).version).toBe('2026-07-28')
  })

  it('leaves no empty _meta behind', () => {
    expect(withoutEnvelope(withEnvelope({ a: 1 }, full)).params).toEqual({ a: 1 })
  })

  it.each([
    ['missing', {}],
    ['no object', { _meta: 'x' }],
    ['of wrong types', { _meta: meta({ protocolVersion: 1, clientInfo: 'c', logLevel: {} }) }],
  ])('that is %s says nothing', (_, params) => {
    expect(withoutEnvelope(params)).toMatchObject({
      version: undefined,
      capabilities: {},
      clientInfo: undefined,
      logLevel: undefined,
    })
  })

  function meta(members: object): object {
    return Object.fromEntries(Object.entries(members).map(([name, it]) => [META + name, it]))
  }
})

describe('capabilities', () => {
  it('of a client lose what the other era does not have', () => {
    const modern = {
      sampling: { tools: {} },
      roots: {},
      extensions: { x: {} },
      experimental: { a: 1 },
    }
    expect(toLegacyClientCapabilities(modern)).toEqual({
      sampling: { tools: {} },
      roots: {},
      experimental: { a: 1 },
    })
    const legacy = { roots: { listChanged: true, x: 1 }, tasks: {}, elicitation: { url: {} } }
    expect(toModernClientCapabilities(legacy)).toEqual({
      roots: { x: 1 },
      elicitation: { url: {} },
    })
  })

  it('of a server lose what the other era does not have', () => {
    const both = { tools: { listChanged: true }, resources: { subscribe: true }, x: 1 }
    const all = { ...both, tasks: {}, extensions: {} }
    expect(toLegacyServerCapabilities(all)).toEqual(both)
    expect(toModernServerCapabilities(all)).toEqual(both)
  })
})

describe('errors', () => {
  const error = (code: number, data?: unknown) => ({
    code,
    message: 'm',
    ...(data !== undefined && { data }),
  })

  it.each([
    [-32_002, -32_602],
    [-32_042, -32_603],
    [-32_020, -32_603],
    [-32_022, -32_603],
    [-32_099, -32_603],
    [-32_601, -32_601],
    [-32_602, -32_602],
    [-32_000, -32_000],
    [-32_019, -32_019],
    [-32_100, -32_100],
    [404, 404],
  ])('of a legacy server: %d becomes %d', (code, expected) => {
    expect(toModernError(error(code, { a: 1 }))).toEqual(error(expected, { a: 1 }))
  })

  it.each([
    ['resources/read', error(-32_602, { uri: 'x:y' }), -32_002],
    ['resources/read', error(-32_602), -32_602],
    ['tools/call', error(-32_602, { uri: 'x:y' }), -32_602],
    ['tools/call', error(-32_021, { requiredCapabilities: {} }), -32_600],
    ['tools/call', error(-32_020), -32_603],
    ['tools/call', error(-32_022), -32_603],
    ['tools/call', error(-32_601), -32_601],
    ['tools/call', error(7, 'x'), 7],
  ])('of a modern server to %s: %j becomes %d', (method, given, code) => {
    expect(toLegacyError(method, given)).toEqual({ ...given, code })
  })

  it.each([
    [-32_020, 400],
    [-32_021, 400],
    [-32_022, 400],
    [-32_601, 404],
    [-32_602, 200],
    [-32_603, 200],
    [0, 200],
  ])('have a status: %d is %d', (code, status) => {
    expect(httpStatusOf(error(code))).toBe(status)
  })

  it.each([
    [
      { code: -1, message: 'm', data: null, extra: 1 },
      { code: -1, message: 'm', data: null },
    ],
    [
      { code: 'x', message: 7 },
      { code: -32_603, message: 'the server answered with an error' },
    ],
    [null, { code: -32_603, message: 'the server answered with an error' }],
  ])('are read whatever a server writes: %j', (value, expected) => {
    expect(toRpcError(value)).toEqual(expected)
  })
})

describe('questions', () => {
  const form = { method: 'elicitation/create', params: { message: 'm', requestedSchema: {} } }
  const url = {
    method: 'elicitation/create',
    params: { mode: 'url', url: 'https://x/', message: 'm' },
  }

  it('of a legacy server lose what only requests of their own can have', () => {
    const _meta = { progressToken: 1, a: 1 }
    expect(toModernInputRequest({ ...form, params: { ...form.params, task: {}, _meta } })).toEqual({
      ...form,
      params: { ...form.params, _meta: { a: 1 } },
    })
    expect(toModernInputRequest({ ...url, params: { ...url.params, elicitationId: 'e' } })).toEqual(
      url,
    )
    expect(toModernInputRequest({ method: 'roots/list' })).toEqual({ method: 'roots/list' })
    expect(
      toModernInputRequest({ method: 'roots/list', params: { _meta: { progressToken: 1 } } }),
    ).toEqual({ method: 'roots/list', params: {} })
  })

  it('of a modern server get an elicitation id where a URL is to be visited', () => {
    expect(toLegacyInputRequest(url, () => 'e1')).toEqual({
      ...url,
      params: { ...url.params, elicitationId: 'e1' },
    })
    expect(toLegacyInputRequest(form, () => 'e1')).toEqual(form)
  })

  it('of an error are its elicitations', () => {
    const elicitations = [{ elicitationId: 'e', mode: 'url', url: 'https://x/', message: 'm' }]
    expect(inputRequestsOfError({ elicitations })).toEqual([url])
    for (const data of [undefined, {}, { elicitations: 'x' }, { elicitations: [7] }]) {
      expect(inputRequestsOfError(data)).toEqual([])
    }
  })

  it.each([
    [form, { elicitation: {} }, true],
    [form, { elicitation: { form: {} } }, true],
    [form, { elicitation: { url: {} } }, false],
    [form, {}, false],
    [url, { elicitation: { url: {} } }, true],
    [url, { elicitation: {} }, false],
    [{ method: 'sampling/createMessage', params: {} }, { sampling: {} }, true],
    [{ method: 'sampling/createMessage', params: {} }, { elicitation: {} }, false],
    [{ method: 'sampling/createMessage', params: { tools: [] } }, { sampling: {} }, false],
    [
      { method: 'sampling/createMessage', params: { tools: [] } },
      { sampling: { tools: {} } },
      true,
    ],
    [{ method: 'roots/list' }, { roots: {} }, true],
    [{ method: 'roots/list' }, { sampling: {} }, false],
    [{ method: 'ping' }, { sampling: {}, roots: {}, elicitation: {} }, false],
  ])('%j to a client with %j: can be asked is %s', (request, capabilities, expected) => {
    expect(canAnswer(capabilities, request)).toBe(expected)
  })
})

describe('log levels', () => {
  it('are heard from their threshold on', () => {
    for (const [at, threshold] of LOG_LEVELS.entries()) {
      expect(LOG_LEVELS.filter((level) => isAtLeast(level, threshold))).toEqual(
        LOG_LEVELS.slice(at),
      )
    }
  })

  it('that nobody knows are heard', () => {
    expect([isAtLeast('fatal', 'emergency'), isAtLeast(7, 'emergency')]).toEqual([true, true])
    expect(isAtLeast('debug', 'unknown')).toBe(true)
  })

  it('of several listeners make the least severe one', () => {
    expect(leastSevere([])).toBeUndefined()
    expect(leastSevere(['error', 'info', 'alert'])).toBe('info')
  })
})
