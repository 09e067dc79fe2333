// What chromium agrees on with listeners, and whether it then gets an answer: read from its own log of the network.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GROUP_NUMBERS, refusedWith, type Sighting, SUITE_NUMBERS, versionOf } from './sighting.ts'
import { CERTUTIL, CHROMIUM, converse } from './tool.ts'

export interface ChromiumVisit {
  readonly handshake: Sighting
  /** Why the page got nothing, by chromium’s name: `ERR_HTTP2_INADEQUATE_TRANSPORT_SECURITY`. Undefined: it was answered. */
  readonly failure: string | undefined
}

interface NetEvent {
  readonly type: number
  readonly source: { readonly id: number }
  readonly params?: {
    readonly address?: string
    readonly url?: string
    readonly bytes?: string
    readonly net_error?: number
    readonly version?: string
    readonly cipher_suite?: number
    readonly key_exchange_group?: number
    readonly next_proto?: string
  }
}

interface NetLog {
  readonly constants: {
    readonly logEventTypes: Readonly<Record<string, number>>
    readonly netError: Readonly<Record<string, number>>
  }
  readonly events: readonly NetEvent[]
}

/** One run for all listeners, by port: a page with a picture from each. */
export async function runChromium(
  ports: readonly number[],
  caFile: string,
  folder: string,
): Promise<ReadonlyMap<number, ChromiumVisit>> {
  const [page, log] = [join(folder, 'visit.html'), join(folder, 'net-log.json')]
  trust(caFile, folder)
  writeFileSync(page, ports.map((port) => `<img src="https://127.0.0.1:${port}/">`).join('\n'))
  const { output } = await converse(
    CHROMIUM,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      // It would look for updates, and for whether there is an internet.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      `--user-data-dir=${join(folder, 'profile')}`,
      `--log-net-log=${log}`,
      '--dump-dom',
      `file://${page}`,
    ],
    { env: { ...process.env, HOME: folder } },
  )
  try {
    const netLog = JSON.parse(readFileSync(log, 'utf8')) as NetLog
    return new Map(ports.map((port) => [port, read(netLog, port)]))
  } catch (error) {
    throw new Error(`no log by chromium, which said:\n${output}`, { cause: error })
  }
}

function trust(caFile: string, folder: string): void {
  const store = join(folder, '.pki', 'nssdb')
  mkdirSync(store, { recursive: true })
  const certutil = (...args: readonly string[]): unknown =>
    execFileSync(CERTUTIL.name, [...args, '-d', `sql:${store}`], { stdio: 'pipe' })
  certutil('-N', '--empty-password')
  certutil('-A', '-n', 'test', '-t', 'C,,', '-i', caFile)
}

/** `level, description` of an alert, as it comes. */
const ALERT_BYTES = 2

function read({ constants, events }: NetLog, port: number): ChromiumVisit {
  const ofType = (name: string): readonly NetEvent[] =>
    events.filter(({ type }) => type === constants.logEventTypes[name])
  const sockets = new Set(
    ofType('TCP_CONNECT_ATTEMPT')
      .filter(({ params }) => params?.address === `127.0.0.1:${port}`)
      .map(({ source }) => source.id),
  )
  const requests = new Set(
    ofType('URL_REQUEST_START_JOB')
      .filter(({ params }) => params?.url === `https://127.0.0.1:${port}/`)
      .map(({ source }) => source.id),
  )
  const alerts = ofType('SSL_ALERT_RECEIVED')
    .filter(({ source }) => sockets.has(source.id))
    .map(({ params }) => Buffer.from(params?.bytes ?? '', 'base64'))
    .filter((bytes) => bytes.length === ALERT_BYTES)
  // It tries again after a failure and after it was asked for a certificate: the last one counts.
  const agreed = ofType('SSL_CONNECT')
    .filter(({ source }) => sockets.has(source.id))
    .findLast(({ params }) => params?.cipher_suite !== undefined)?.params
  const error = ofType('REQUEST_ALIVE')
    .filter(({ source }) => requests.has(source.id))
    .findLast(({ params }) => params?.net_error !== undefined)?.params?.net_error
  const failure = Object.entries(constants.netError).find(([, number]) => number === error)?.[0]
  const alert = alerts.at(-1)?.[1]
  if (alert !== undefined) return { handshake: refusedWith(alert), failure }
  if (agreed === undefined) return { handshake: { kind: 'closed' }, failure }
  return { handshake: agreementOf(agreed), failure }
}

function agreementOf(params: NonNullable<NetEvent['params']>): Sighting {
  const { version = '', cipher_suite: suite = 0, key_exchange_group: group = 0 } = params
  return {
    kind: 'agreed',
    version: versionOf(version.replace(' ', 'v')),
    suite: SUITE_NUMBERS.get(suite) ?? `suite ${suite}`,
    group: group === 0 ? undefined : (GROUP_NUMBERS.get(group) ?? `group ${group}`),
    protocol: params.next_proto,
  }
}
