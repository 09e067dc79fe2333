// `sallyport serve`: runs the gateway until a signal, and says in one line why it cannot.
import type { Gateway, GatewayOptions } from '../gateway/index.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { HangUp } from './hang-up.ts'
import { complain, print, reportFailure } from './output.ts'
import type { ServeFlags } from './program.ts'
import { readConfig } from './read-config.ts'
import { explainStartFailure } from './start-failure.ts'
import { forcedExitCodes, StopSignals } from './stop-signals.ts'
import { keepNewObjectsYoung } from './young-objects.ts'

export async function serve({ config, logLevel, verbose }: ServeFlags): Promise<ExitCode> {
  const loaded = readConfig(config)
  if (loaded === undefined) return exitCodes.config
  keepNewObjectsYoung()
  // Before the start, so that a signal that comes early still leads to an orderly end.
  const signals = new StopSignals()
  signals.listen()
  const hangUp = new HangUp(() => signals.request('SIGTERM'))
  hangUp.listen()
  try {
    const { log } = loaded.options
    const options = { ...loaded.options, log: { ...log, level: logLevel ?? log.level } }
    const started = await start(options, verbose ?? false)
    if (typeof started === 'number') return started
    hangUp.reloadWith(() => void started.reload())
    return await run(started, signals)
  } finally {
    signals.close()
    hangUp.close()
  }
}

async function start(options: GatewayOptions, verbose: boolean): Promise<Gateway | ExitCode> {
  const { startGateway } = await import('../gateway/index.ts')
  try {
    return await startGateway(options)
  } catch (error) {
    const failure = explainStartFailure(error, options)
    // Anything else is a fault of ours, and main.ts tells those.
    if (failure === undefined) throw error
    reportFailure(failure.reason, error, verbose)
    return failure.exitCode
  }
}

async function run(gateway: Gateway, signals: StopSignals): Promise<ExitCode> {
  for (const { url } of gateway.addresses) print(`listening on ${url}`)
  if (gateway.adminUrl !== undefined) print(`admin on ${gateway.adminUrl}`)
  const signal = await signals.first
  complain(`sallyport: ${signal}: finishing calls under way; again to stop at once`)
  const ended = await Promise.race([gateway.stop(), signals.second])
  if (ended === undefined) return exitCodes.clean
  // If nothing is left to wait for, the process ends here and now, with this code.
  process.exitCode = forcedExitCodes[ended]
  await gateway.stopNow()
  return forcedExitCodes[ended]
}
