// One replica of the demo's server as a process of its own: `node replica.ts NAME`, started by replicas.ts over an IPC
// channel. Tells its URL there, and ends when the channel does, however its parent ended.
import { startDemoServer } from './server.ts'

// Ctrl-C reaches every process of the terminal. The parent decides when the replicas end: after the calls under way.
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

const [, , name = 'demo'] = process.argv
const server = await startDemoServer({ name, port: 0 })

const end = (): void => void server.close().finally(() => process.exit(0))
process.once('disconnect', end)
process.once('SIGTERM', end)

if (process.connected) process.send?.({ url: server.url })
else end()
