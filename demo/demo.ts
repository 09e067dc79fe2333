// Puts the demo together: certificates, two replicas, a configuration file, and the gateway that serves it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateFolder, type SubjectName } from '../src/certs/index.ts'
import { formatFault, loadConfig } from '../src/config/index.ts'
import { type Gateway, startGateway } from '../src/gateway/index.ts'
import { keepCertificates } from './certificates.ts'
import { demoConfigText } from './config-file.ts'
import { freePort } from './free-port.ts'
import { type Replica, startReplicas } from './replicas.ts'

export interface DemoOptions {
  /** Used when it is free; 0 lets the system choose. */
  readonly port: number
  /** Absolute. Holds certificates, keys and the configuration; made for its owner alone. */
  readonly stateDir: string
}

export interface Demo {
  /** `https://127.0.0.1:8443`, to which the paths of the routes are added. */
  readonly url: string
  readonly caFile: string
  readonly configFile: string
  readonly replicas: readonly Replica[]
  /** Lets calls under way finish within the configured time, then ends everything. */
  stop(): Promise<void>
  /** Ends everything at once. */
  stopNow(): Promise<void>
}

const REPLICAS = ['demo-1', 'demo-2']

/** The names under which a loopback listener is called. */
const NAMES: readonly SubjectName[] = [
  { kind: 'dns', value: 'localhost' },
  { kind: 'ip', value: '127.0.0.1' },
  { kind: 'ip', value: '::1' },
]

export async function startDemo({ port: preferred, stateDir }: DemoOptions): Promise<Demo> {
  await makePrivateFolder(stateDir)
  const [{ caFile, server }, replicas] = await Promise.all([
    keepCertificates(stateDir, NAMES),
    startReplicas(REPLICAS),
  ])
  const stopReplicas = async (): Promise<void> => {
    await Promise.all(replicas.map((replica) => replica.stop()))
  }
  try {
    const port = await freePort(preferred)
    const replicaUrls = replicas.map(({ url }) => url)
    const configFile = join(stateDir, 'sallyport.yaml')
    await writeFile(configFile, demoConfigText({ port, server, replicaUrls, stateDir }))
    const gateway = await serve(configFile)
    return {
      url: gateway.addresses[0]?.url ?? '',
      caFile,
      configFile,
      replicas,
      stop: () => gateway.stop().finally(stopReplicas),
      stopNow: () => gateway.stopNow().finally(stopReplicas),
    }
  } catch (thrown) {
    await stopReplicas()
    throw thrown
  }
}

/** From the file and nothing else, so that what is served is what one can read there. */
async function serve(file: string): Promise<Gateway> {
  const isOverride = (name: string): boolean => name.startsWith('SALLYPORT__')
  const env = Object.entries(process.env).filter(([name]) => !isOverride(name))
  const loaded = loadConfig({ file, env: Object.fromEntries(env) })
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'))
  return startGateway(loaded.options)
}
