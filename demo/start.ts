// `npm start`: brings the demo up, says how to call it, and takes everything down again at the first sign that nobody wants
// it any more. What it consists of is in demo.ts.
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Demo, type DemoOptions, startDemo } from './demo.ts'
import { greeting } from './greeting.ts'
import { endOfParent, StopRequests } from './stop-requests.ts'

const USUAL_PORT = '8443'
const USUAL_STATE_DIR = resolve(import.meta.dirname, '../.sallyport/demo')
const SIGNAL_MAY_LAG_MS = 250
const exitCodes = { clean: 0, failed: 1, usage: 2, forced: 130 }

process.exit(await main())

async function main(): Promise<number> {
  const options = readFlags()
  if (options === undefined) return exitCodes.usage
  // Before the start, so that a Ctrl-C during it leads to an orderly end, too.
  const requests = new StopRequests()
  // Who reads may leave first, as with `npm start | head`; that is no reason to leave anything running.
  process.stdout.on('error', requests.ask)
  try {
    return await run(await startDemo(options), requests)
  } catch (thrown) {
    // A Ctrl-C at the terminal also reaches replicas that are not far enough yet to leave it to us, and their end may be
    // noticed before the signal is.
    await Promise.race([requests.first, setTimeout(SIGNAL_MAY_LAG_MS)])
    if (requests.isAsked) return exitCodes.clean
    complain(thrown)
    return exitCodes.failed
  }
}

async function run(demo: Demo, requests: StopRequests): Promise<number> {
  for (const replica of demo.replicas) void tellEnd(replica, requests)
  if (!requests.isAsked) process.stdout.write(greeting(demo))
  // Only below npm: whoever runs this file directly may want it to outlive the shell.
  if (process.env['npm_lifecycle_event'] !== undefined) void endOfParent().then(requests.ask)
  await requests.first
  const isOrderly = await Promise.race([
    demo.stop().then(() => true),
    requests.second.then(() => false),
  ])
  if (isOrderly) return exitCodes.clean
  await demo.stopNow()
  return exitCodes.forced
}

async function tellEnd(
  { name, pid, ended }: Demo['replicas'][number],
  requests: StopRequests,
): Promise<void> {
  await ended
  if (requests.isAsked) return
  console.error(`${name} (process ${pid}) ended; the next npm start brings it back`)
}

function readFlags(): DemoOptions | undefined {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: USUAL_PORT },
        'state-dir': { type: 'string', default: USUAL_STATE_DIR },
      },
    })
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
      throw new Error(`--port: expected 0 to 65535, got "${values.port}"`)
    }
    return { port: Number(values.port), stateDir: resolve(values['state-dir']) }
  } catch (thrown) {
    complain(thrown)
    console.error('usage: npm start -- [--port N] [--state-dir FOLDER]')
    return undefined
  }
}

function complain(thrown: unknown): void {
  console.error(`npm start: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
}
