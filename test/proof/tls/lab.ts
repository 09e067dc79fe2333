// One gateway with all listeners that are looked at, the certificates of both sides, and what the scanners saw.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { launchGatewayProcess } from '../../support/gateway-process.ts'
import { testAuthority, type TestAuthority } from '../../support/pki.ts'
import { sharedFolder } from '../../support/shared-folder.ts'
import { type ChromiumVisit, runChromium } from './chromium.ts'
import { type NmapReport, runNmap } from './nmap.ts'
import type { ClientLeaves, Setting } from './settings.ts'
import type { Target } from './sighting.ts'
import { runSslscan, type SslscanReport } from './sslscan.ts'
import { CHROMIUM, NMAP, SSLSCAN } from './tool.ts'

const SETUP_LIMIT_MS = 120_000

/** Beyond what testssl holds to be near, which is two months. */
const VALID_DAYS = 100

const SERIAL_BYTES = 16

export interface Scans {
  readonly sslscan: ReadonlyMap<number, SslscanReport>
  readonly nmap: ReadonlyMap<number, NmapReport>
  readonly chromium: ReadonlyMap<number, ChromiumVisit>
}

export class Lab {
  readonly folder = sharedFolder()
  readonly clientCaFile: string
  readonly crlFile: string
  readonly clients: ClientLeaves
  readonly #server: TestAuthority
  readonly #portByName = new Map<string, number>()
  #scans: Scans | undefined

  /** To be made while tests are collected. */
  constructor() {
    this.#server = this.#authority('servers')
    const authority = this.#authority('clients')
    const leaf = { commonName: 'ada', purpose: 'clientAuth', subjectAltName: 'DNS:ada.example' }
    const revoked = authority.issue(leaf)
    authority.revoke(revoked)
    this.clientCaFile = authority.certFile
    this.crlFile = authority.crl()
    this.clients = {
      'self-signed': selfSigned(this.folder),
      'wrong CA': this.#authority('others').issue(leaf),
      expired: authority.issue({ ...leaf, fromDay: -3, toDay: -1 }),
      revoked,
      right: authority.issue(leaf),
    }
  }

  /** Before the tests: the gateway, and what needs one run for all listeners. */
  start(settings: readonly Setting[]): void {
    const ends: (() => Promise<void>)[] = []
    beforeAll(async () => {
      const certificates = { ec: this.issue('ec'), rsa: this.issue('rsa') }
      const listeners = settings.map(({ tls, key = 'ec', http2 }) => ({
        listen: '127.0.0.1:0',
        ...(http2 !== undefined && { http2 }),
        tls: { ...certificates[key], ...tls },
      }))
      const { urls } = await launchGatewayProcess(
        {
          listeners,
          servers: { nowhere: { endpoints: [{ url: 'http://127.0.0.1:9/mcp' }] } },
          routes: [{ path: '/mcp', servers: ['nowhere'] }],
        },
        { folder: this.folder, onEnd: (end) => void ends.push(end) },
      )
      for (const [at, { name }] of settings.entries()) {
        this.#portByName.set(name, Number(new URL(urls[at] ?? '').port))
      }
    }, SETUP_LIMIT_MS)
    afterAll(async () => {
      for (const end of ends) await end()
    })
  }

  /** Before the tests, after `start`: one run of every scanner for these listeners. */
  scan(settings: readonly Setting[]): void {
    beforeAll(async () => {
      const ports = settings.map((setting) => this.target(setting).port)
      const { caFile } = this
      this.#scans = {
        sslscan: SSLSCAN.isInstalled ? await runSslscan(ports, this.folder) : new Map(),
        nmap: NMAP.isInstalled ? await runNmap(ports) : new Map(),
        chromium: CHROMIUM.isInstalled ? await runChromium(ports, caFile, this.folder) : new Map(),
      }
    }, SETUP_LIMIT_MS)
  }

  /** What a scanner saw of a listener. */
  seen<Tool extends keyof Scans>(
    tool: Tool,
    setting: Setting,
  ): NonNullable<ReturnType<Scans[Tool]['get']>> {
    const found = this.#scans?.[tool].get(this.target(setting).port)
    if (found === undefined) throw new Error(`${tool} did not look at ${setting.name}`)
    return found as NonNullable<ReturnType<Scans[Tool]['get']>>
  }

  target({ name }: Setting): Target {
    const port = this.#portByName.get(name)
    if (port === undefined) throw new Error(`no such listener: ${name}`)
    return { port, caFile: this.caFile }
  }

  get caFile(): string {
    return this.#server.certFile
  }

  /** A certificate of a listener, as keys of `listeners[].tls`. */
  issue(
    key: 'ec' | 'rsa',
    name = 'localhost',
  ): { readonly cert_file: string; readonly key_file: string } {
    const { certFile, keyFile } = this.#server.issue({
      commonName: name,
      subjectAltName: name === 'localhost' ? 'DNS:localhost,IP:127.0.0.1' : `DNS:${name}`,
      key,
      toDay: VALID_DAYS,
      extensions: [
        // Suites without forward secrecy have the client encrypt for the certificate’s key.
        'keyUsage=critical,digitalSignature,keyEncipherment',
        // Asked for by testssl, and not fetched by anybody.
        'crlDistributionPoints=URI:http://127.0.0.1:9/servers.crl',
      ],
    })
    return { cert_file: certFile, key_file: keyFile }
  }

  #authority(name: string): TestAuthority {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    const authority = testAuthority(name, folder)
    // Numbers that cannot be guessed, as testssl wants them; the authority counts on from there.
    writeFileSync(
      join(folder, 'serial'),
      `7${randomBytes(SERIAL_BYTES).toString('hex').slice(1)}\n`,
    )
    return authority
  }
}

function selfSigned(folder: string): { readonly certFile: string; readonly keyFile: string } {
  const [certFile, keyFile] = [join(folder, 'self.crt'), join(folder, 'self.key')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  const subject = ['-subj', '/CN=ada', '-addext', 'extendedKeyUsage=clientAuth']
  const args = ['req', '-x509', ...key, ...subject, '-days', '30', '-out', certFile]
  execFileSync('openssl', args, { stdio: 'pipe' })
  return { certFile, keyFile }
}
