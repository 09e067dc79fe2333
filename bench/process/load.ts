// Entry of the load generator's process: runs the orders it gets, one after the other, and sends back what it measured.
import { runLoad, type LoadOrder } from '../load/run-load.ts'

process.on('message', (order: LoadOrder) => {
  runLoad(order).then(
    (result) => process.send?.({ result }),
    (thrown: unknown) => process.send?.({ failure: String(thrown) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
