// Entry of the plain Node proxy's process. Its parent sees that it listens by calling it.
import { startNodeProxy, type NodeProxyListen } from '../node-proxy.ts'

const [, , origin = '', listens = '[]'] = process.argv
await startNodeProxy(origin, JSON.parse(listens) as NodeProxyListen[])
process.on('disconnect', () => process.exit(0))
