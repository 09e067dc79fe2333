// What a gateway holds in memory once its garbage is collected: asked over its inspector, so that a leak of some bytes per
// call shows, which the resident memory of a process hides among pages that V8 keeps.
import { until } from '../support/servers.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'

/** The environment in which a gateway can be asked. Port 0: any that is free. */
export const INSPECTED: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_OPTIONS: '--inspect=127.0.0.1:0',
}

/** Twice, because what is freed by finalisers goes with the second collection. */
const COLLECTIONS = 2

export interface Heap {
  /** Bytes of objects that are still referred to. */
  usedBytes(): Promise<number>
}

/** Connects to the inspector of a gateway that was started with `INSPECTED`; the connection ends with the test. */
export async function heapOf(gateway: GatewayProcess, onEnd: (end: () => void) => void) {
  const address = (): string | undefined =>
    /Debugger listening on (ws:\S+)/.exec(gateway.log())?.[1]
  await until(() => address() !== undefined, 'the inspector')
  const socket = new WebSocket(address() ?? '')
  onEnd(() => socket.close())
  const waiting = new Map<number, (result: unknown) => void>()
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown }
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true })
    socket.addEventListener('error', reject, { once: true })
  })
  let count = 0
  const ask = (method: string): Promise<unknown> =>
    new Promise((resolve) => {
      const id = count++
      waiting.set(id, resolve)
      socket.send(JSON.stringify({ id, method }))
    })
  const heap: Heap = {
    usedBytes: async () => {
      for (let at = 0; at < COLLECTIONS; at++) await ask('HeapProfiler.collectGarbage')
      const usage = (await ask('Runtime.getHeapUsage')) as {
        usedSize: number
        backingStorageSize?: number
      }
      return usage.usedSize + (usage.backingStorageSize ?? 0)
    },
  }
  return heap
}
