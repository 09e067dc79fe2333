// A gateway from the text of a configuration file, as `sallyport serve` starts it; it ends with the test.
import { onTestFinished } from 'vitest'
import { startGateway, type Gateway, type GatewayDependencies } from '../../src/gateway/index.ts'
import { silentLog } from '../../src/observability/index.ts'
import { loadValid } from '../config/config-file.ts'

export interface ConfiguredGateway {
  readonly gateway: Gateway
  /** Ports of what listens, in the order of `addresses`. */
  readonly ports: readonly number[]
}

/** Files that the text names without a path lie in `folder`. */
export async function startFromConfig(
  text: string,
  folder: string,
  dependencies: GatewayDependencies = {},
): Promise<ConfiguredGateway> {
  const { options } = loadValid(`state_dir: state\n${text}`, {}, folder)
  const gateway = await startGateway(options, { log: silentLog, ...dependencies })
  onTestFinished(() => gateway.stopNow())
  return { gateway, ports: gateway.addresses.map(({ url }) => Number(new URL(url).port)) }
}
