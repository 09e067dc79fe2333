// Looks at every endpoint of a configuration without running a gateway: nothing is bound, nothing is kept.
import { systemClock, toGatewayError, type GatewayError } from '../core/index.ts'
import { createMetrics, silentLog } from '../observability/index.ts'
import { buildPools } from './build-pools.ts'
import type { GatewayOptions } from './options.ts'

export interface EndpointLook {
  readonly server: string
  readonly endpoint: string
  /** Why it cannot be reached; undefined when it can. */
  readonly error: GatewayError | undefined
}

/** Resolves once every endpoint answered or its `health_check.timeout` is over. */
export async function probeEndpoints(
  options: Pick<GatewayOptions, 'servers' | 'childEnv'>,
): Promise<readonly EndpointLook[]> {
  const pools = buildPools(options.servers, {
    log: silentLog,
    metrics: createMetrics(),
    clock: systemClock,
    baseEnv: options.childEnv,
  })
  try {
    const looks = await Promise.all(
      pools.map(async (pool) =>
        (await pool.probeAll()).map(({ name, error }) => ({
          server: pool.server,
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
