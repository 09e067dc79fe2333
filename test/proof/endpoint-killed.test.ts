// One of two replicas is killed outright while many calls are under way. Both are real servers in processes of their own.
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { modernRequest } from '../support/mcp-messages.ts'
import { until } from '../support/servers.ts'

const MAIN = resolve(import.meta.dirname, '../fixtures/everything-server/main.ts')
const WORKERS = 24
const CALLS_AFTER = 200

async function startReplica(name: string) {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, PORT: '0', NAME: name },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /listening on (\S+)/.exec(line)?.[1]
    if (url !== undefined) return { child, url }
  }
  throw new Error(`replica ${name} did not start`)
}

/** What a call came to: its text, or the gateway's error code. */
async function call(url: string, id: string, tool: string, args: object): Promise<string> {
  const response = await fetch(
    url,
    modernRequest('tools/call', { name: tool, arguments: args }, id),
  )
  const body = await response.text()
  const data = body.startsWith('{') ? body : (body.trimEnd().split('data: ').at(-1) ?? '')
  const message = JSON.parse(data) as {
    id: string
    result?: { content: { text: string }[] }
    error?: { message: string; data: { code: string } }
  }
  expect(message.id).toBe(id)
  return message.error?.data.code ?? message.result?.content[0]?.text ?? ''
}

describe('an endpoint killed under load', () => {
  it('fails the calls in flight on it with a clear error, and no others', async () => {
    const [a, b] = [await startReplica('a'), await startReplica('b')]
    const gateway = await startGatewayProcess({
      listeners: [{ listen: '127.0.0.1:0' }],
      servers: { two: { endpoints: [{ url: a.url }, { url: b.url }] } },
      routes: [{ path: '/mcp', servers: ['two'] }],
      log: { level: 'error' },
    })
    const url = `${gateway.url}/mcp`
    const outcomes: string[][] = Array.from({ length: WORKERS }, () => [])
    const kill = { isDone: false }
    const work = outcomes.map(async (own, worker) => {
      for (let count = 0; !kill.isDone || count < 5; count++) {
        own.push(await call(url, `${worker}-${count}`, 'slow', { steps: 4, stepMs: 25 }))
      }
    })
    await until(
      () => outcomes.every((own) => own.length >= 2),
      'every worker to be at work',
      20_000,
    )
    a.child.kill('SIGKILL')
    kill.isDone = true
    await Promise.all(work)

    const failures = outcomes.map((own) => own.filter((outcome) => outcome.startsWith('GW_')))
    expect(new Set(failures.flat())).toEqual(new Set(['GW_UPSTREAM_BROKEN']))
    // A worker has one call in flight at a time, so the kill can cost each of them one, about half of them.
    expect(Math.max(...failures.map((own) => own.length))).toBe(1)
    expect(failures.flat().length).toBeLessThanOrEqual(WORKERS)

    for (let count = 0; count < CALLS_AFTER; count++) {
      expect(await call(url, `after-${count}`, 'whoami', {})).toContain('b')
    }
    expect(gateway.child.exitCode).toBeNull()
    const health = (await (await fetch(`${gateway.url}/health`)).json()) as object
    expect(health).toMatchObject({
      status: 'degraded',
      service: 'sallyport',
      backends: [
        { name: 'two/1', healthy: false, lastCheck: expect.stringMatching(/^\d{4}-/) },
        { name: 'two/2', healthy: true, lastCheck: expect.stringMatching(/^\d{4}-/) },
      ],
    })
  })
})
