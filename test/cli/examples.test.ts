// That no example is left alone: each is started by a test here or in a file beside this one, and says for whom it is.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { modernRequest } from '../support/mcp-messages.ts'
import { testAuthority } from '../support/pki.ts'
import { startHttpServer } from '../support/servers.ts'
import { call, EXAMPLES, serveExample } from './run-example.ts'

const names = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .toSorted()

const tests = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('examples.test.ts'))
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  .join('\n')

describe('examples', () => {
  it('are there', () => {
    expect(names).toContain('gateway.yaml')
    expect(names.length).toBeGreaterThan(10)
  })

  it.each(names)('%s is started by a test', (name) => {
    expect(tests).toMatch(new RegExp(`serve(?:Example)?\\(\\s*'${name.replace('.', '\\.')}'`))
  })

  it.each(names)('%s begins with a comment', (name) => {
    expect(readFileSync(join(EXAMPLES, name), 'utf8')).toMatch(/^(?:# [^\n]+\n){1,4}listeners:\n/)
  })
})

describe('gateway.yaml', () => {
  it('serves replicas in turn, a program, and its metrics', async () => {
    const authority = testAuthority()
    const leaf = authority.issue()
    const arrived: string[] = []
    const [one, two] = await Promise.all(
      ['one', 'two'].map((replica) =>
        startHttpServer((request, response) => {
          request.resume().on('end', () => {
            arrived.push(replica)
            response.setHeader('content-type', 'application/json')
            response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
          })
        }),
      ),
    )
    const program = resolve(import.meta.dirname, '../fixtures/children/scripted-server.mjs')
    const { url, adminUrl } = await serveExample('gateway.yaml', {
      env: {
        SALLYPORT__SERVERS__WEATHER__ENDPOINTS__0__URL: one?.url ?? '',
        SALLYPORT__SERVERS__WEATHER__ENDPOINTS__1__URL: two?.url ?? '',
        SALLYPORT__SERVERS__FILES__ENDPOINTS__0__COMMAND: process.execPath,
        SALLYPORT__SERVERS__FILES__ENDPOINTS__0__ARGS: JSON.stringify([program, '--era=modern']),
      },
      files: { 'certs/server.crt': leaf.certFile, 'certs/server.key': leaf.keyFile },
    })
    const ca = authority.cert
    for (let count = 0; count < 2; count++) {
      expect((await call(`${url}/weather`, { ca })).status).toBe(200)
    }
    expect(arrived.toSorted()).toEqual(['one', 'two'])
    const echo = await call(`${url}/files`, { ca }, modernRequest('test/echo', { text: 'hello' }))
    expect(JSON.parse(echo.body)).toMatchObject({ result: { params: { text: 'hello' } } })
    expect((await fetch(`${adminUrl}/metrics`)).status).toBe(200)
  })
})
