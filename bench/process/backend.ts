// Entry of the backend's process: says its ports once it listens, and what it was asked so far whenever one wants to know.
import { startBackend } from '../backend.ts'

const [, , certFile = '', keyFile = ''] = process.argv
const backend = await startBackend({ certFile, keyFile })
process.on('message', () => {
  process.send?.({ callCount: backend.callCount(), otherCount: backend.otherCount() })
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ports: backend.ports })
