// Entry of the load generator's process: runs the orders it gets, one after the other, and sends back what came of them.
import { IdleConnections, type IdleOrder } from '../load/idle-connections.ts'
import type { LoadResult } from '../load/measure.ts'
import { runLane, type LaneOrder } from '../lanes/run-lane.ts'
import { runHandshakes, type HandshakeOrder } from '../load/run-handshakes.ts'
import { runLoad, type LoadOrder } from '../load/run-load.ts'

export type Order =
  | { readonly calls: LoadOrder }
  | { readonly lane: LaneOrder }
  | { readonly handshakes: HandshakeOrder }
  | { readonly visit: IdleOrder }
  | { readonly idle: IdleOrder }
  | { readonly closeIdle: true }

export type Answer =
  | { readonly done: true; readonly result: LoadResult | undefined }
  | { readonly done: false; readonly failure: string }

const idle = new IdleConnections()

async function carryOut(order: Order): Promise<LoadResult | undefined> {
  if ('calls' in order) return await runLoad(order.calls)
  if ('lane' in order) return await runLane(order.lane)
  if ('handshakes' in order) return await runHandshakes(order.handshakes)
  if ('visit' in order) await idle.openAndClose(order.visit)
  else if ('idle' in order) await idle.open(order.idle)
  else idle.closeAll()
  return undefined
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (result) => process.send?.({ done: true, result } satisfies Answer),
    (thrown: unknown) => process.send?.({ done: false, failure: String(thrown) } satisfies Answer),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
