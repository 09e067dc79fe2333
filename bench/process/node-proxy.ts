// Entry of the plain Node proxy's process. Its parent sees that it listens by calling it.
import { startNodeProxy } from '../node-proxy.ts'

const [, , origin = '', certFile = '', keyFile = '', ...ports] = process.argv
const [http = 0, https = 0, http2 = 0] = ports.map(Number)
await startNodeProxy(origin, { http, https, http2 }, { certFile, keyFile })
process.on('disconnect', () => process.exit(0))
