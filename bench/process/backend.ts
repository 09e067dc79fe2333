// Entry of the backend's process: says its ports once it listens, and its call count whenever it is asked.
import { startBackend } from '../backend.ts'

const [, , certFile = '', keyFile = ''] = process.argv
const backend = await startBackend({ certFile, keyFile })
process.on('message', () => process.send?.({ callCount: backend.callCount() }))
process.on('disconnect', () => process.exit(0))
process.send?.({ ports: backend.ports })
