import { describe, expect, it } from 'vitest'
import { createLog, type LogFields } from '../../src/observability/index.ts'

function record(level: 'debug' | 'info' | 'warn' | 'error' = 'debug') {
  const lines: string[] = []
  const log = createLog({ level, access: false }, { write: (line) => void lines.push(line) })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> }
}

describe('the log', () => {
  it('writes one JSON line with level, time, message and the declared fields', () => {
    const { log, lines, last } = record()
    log.with({ server: 'weather' }).warn({ endpoint: 'http://a/mcp', status: 502 }, 'line\nbreak')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(last()).toMatchObject({
      level: 'warn',
      time: expect.any(Number) as number,
      server: 'weather',
      endpoint: 'http://a/mcp',
      status: 502,
      msg: 'line\nbreak',
    })
  })

  it('writes no field that is not declared, wherever it comes from', () => {
    const { log, lines } = record()
    const fields = { server: 'a', authorization: 'Bearer s3cret', body: 's3cret' } as LogFields
    log.info(fields, 'x')
    log.with(fields).info({}, 'y')
    expect(lines.join('')).not.toContain('s3cret')
  })

  it('reduces an error to its codes and messages: no stack, no other property, no thrown value', () => {
    const { log, lines, last } = record()
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', token: 's3cret' })
    log.error({ error: new Error('no connection', { cause }) }, 'failed')
    expect(last()['error']).toBe('no connection ← ECONNREFUSED refused')
    log.error({ error: 's3cret' }, 'failed')
    log.error({ error: new Error('outer', { cause: { secret: 's3cret' } }) }, 'failed')
    expect(lines.join('')).not.toContain('s3cret')
    expect(lines.join('')).not.toContain('    at ')
  })

  it('stops at a chain of causes that never ends', () => {
    const { log, last } = record()
    const error = new Error('again')
    error.cause = error
    log.error({ error }, 'failed')
    expect(String(last()['error']).split(' ← ')).toHaveLength(5)
  })

  it('leaves out what is below its level, and says so beforehand', () => {
    const { log, lines } = record('warn')
    log.info({}, 'x')
    log.debug({}, 'x')
    log.warn({}, 'x')
    expect(lines).toHaveLength(1)
    expect([log.isEnabled('info'), log.isEnabled('warn')]).toEqual([false, true])
  })
})
