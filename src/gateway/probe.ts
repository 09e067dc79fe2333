// Looks at every endpoint of a configuration without running a gateway: nothing is bound, nothing is kept.
import { systemClock, toGatewayError, type GatewayError } from '../core/index.ts'
import { createMetrics, silentLog } from '../observability/index.ts'
import { buildPluginPools } from './build-plugins.ts'
import { buildPools, sourceName } from './build-pools.ts'
import type { GatewayOptions } from './options.ts'

export interface EndpointLook {
  /** Whose it is, as the config has it: `servers.weather`, `plugins.Redact`. */
  readonly owner: string
  readonly endpoint: string
  /** Why it cannot be reached; undefined when it can. */
  readonly error: GatewayError | undefined
}

/** Resolves once every endpoint answered or its `health_check.timeout` is over. */
export async function probeEndpoints(
  options: Pick<GatewayOptions, 'servers' | 'plugins' | 'childEnv'>,
): Promise<readonly EndpointLook[]> {
  const context = {
    log: silentLog,
    metrics: createMetrics(),
    clock: systemClock,
    baseEnv: options.childEnv,
  }
  const pools = [
    ...buildPools(options.servers, context),
    ...buildPluginPools(options.plugins, context),
  ]
  try {
    const looks = await Promise.all(
      pools.map(async (pool) =>
        (await pool.probeAll()).map(({ name, error }) => ({
          owner: sourceName(pool.server).replace(' ', 's.'),
          endpoint: name,
          error: error === undefined ? undefined : toGatewayError(error),
        })),
      ),
    )
    return looks.flat()
  } finally {
    await Promise.all(pools.map((pool) => pool.stop(0)))
  }
}
