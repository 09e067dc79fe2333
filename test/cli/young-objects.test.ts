// Where V8 makes new objects while the gateway serves, by what V8 itself says about it.
import { Agent, get } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { configFor, folderWith, startCli } from './run-cli.ts'

/** A line per collection for as long as V8 considers to make objects of some places in the code among the old ones. */
const TRACE = '--trace-pretenuring-statistics'
const CONSIDERED = /pretenuring: threshold=/g
/** So that a second of calls fills it many times. */
const SMALL_YOUNG_SPACE = '--max-semi-space-size=1'
const CALLS = 3_000
const CONNECTIONS = 8

async function callMany(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  onTestFinished(() => agent.destroy())
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => {
      get(url, { agent }, (answer) => answer.resume().once('end', resolve)).once('error', reject)
    })
  const callInTurn = async (): Promise<void> => {
    for (let left = CALLS / CONNECTIONS; left > 0; left--) await call()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, callInTurn))
}

it('makes nothing among the old objects while it serves, whatever V8 has seen to survive', async () => {
  const cwd = folderWith({ 'sallyport.yaml': configFor('http://127.0.0.1:1/mcp') })
  const { child, line, ended } = startCli(['serve'], {
    cwd,
    nodeFlags: [TRACE, '--trace-gc', SMALL_YOUNG_SPACE],
  })
  const [, url] = await line(/^listening on (http:\S+)$/m)
  await callMany(`${url}/healthz`)
  child.kill('SIGTERM')
  const [, served = ''] = (await ended).stdout.split(/^listening on .*$/m)
  expect(served.match(/Scavenge/g)?.length).toBeGreaterThan(10)
  expect(served.match(CONSIDERED)).toBeNull()
})
