// The plain listener in front of an https one: the same budgets and the same idea of whose Host is ours, and nothing
// behind it.
import type { HostOriginCheck } from '../admission/index.ts'
import type { Clock } from '../core/index.ts'
import { createListener, createRedirect, type Listener } from '../listener/index.ts'
import type { Log, Metrics } from '../observability/index.ts'
import type { GatewayListenerOptions } from './options.ts'
import type { Reporter } from './report.ts'

export interface RedirectListenerContext {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly reporter: Reporter
  readonly hostOrigin: HostOriginCheck
  /** Where clients are sent. Started before this one. */
  readonly target: Listener
}

/** Undefined when nothing redirects to the listener. Not started. */
export function createRedirectListener(
  { redirect, publicAuthority, limits }: GatewayListenerOptions,
  { log, metrics, clock, reporter, hostOrigin, target }: RedirectListenerContext,
): Listener | undefined {
  if (redirect === undefined) return undefined
  const onExchange = createRedirect({
    refuse: (exchange) => hostOrigin.refuse(exchange),
    publicAuthority,
    port: target.address.port,
    acmeChallengeDir: redirect.acmeChallengeDir,
    onRefusal: (exchange, error) => reporter.onRefusal(exchange, error),
    onAnswer: (exchange) => reporter.onRedirect(exchange),
  })
  return createListener(
    { ...redirect, tls: undefined, http2: false, limits },
    {
      log: log.with({ listener: redirect.name }),
      metrics,
      clock,
      onExchange,
      onRefusal: (error, remote, id) => reporter.onSocketRefusal(error, remote, id),
    },
  )
}
