// A token of SoftHSM for one test, with keys that are made in it and never leave it, and certificates for them.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasTool } from './programs.ts'
import { temporaryFolder } from './temporary-folder.ts'

const first = (...paths: readonly string[]): string => paths.find(existsSync) ?? ''

const MODULE = first(
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
)
export const ENGINE = first(
  '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so',
  '/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so',
)

/** Debian's softhsm2, opensc and libengine-pkcs11-openssl. */
export const hasSoftHsm =
  hasTool('softhsm2-util') && hasTool('pkcs11-tool') && MODULE !== '' && ENGINE !== ''

/** As pkcs11-tool calls them. */
export const KEY_TYPES = ['EC:prime256v1', 'rsa:2048'] as const
type HsmKeyType = (typeof KEY_TYPES)[number]

interface IssueOptions {
  /** Default EC. */
  readonly type?: HsmKeyType
  /** Where the certificate goes. */
  readonly file?: string
  /** Default: localhost. */
  readonly host?: string
}

export interface SoftHsm {
  /** With PIN 4711-geheim, which no output may have. */
  readonly pin: string
  /** For the process that is to find the token. */
  readonly env: NodeJS.ProcessEnv
  /** The address of a key. */
  uri(label: string, pin?: string): string
  /** Makes a key and returns a certificate for it, signed by itself, in `file` if that is given. */
  issue(label: string, options?: IssueOptions): string
  /** A new certificate for a key that is there. */
  certify(label: string, file: string, host?: string): string
  /** Destroys a key. */
  destroy(label: string): void
}

export function softHsm(): SoftHsm {
  const folder = temporaryFolder()
  const pin = '4711-geheim'
  const config = join(folder, 'softhsm2.conf')
  mkdirSync(join(folder, 'tokens'))
  writeFileSync(config, `directories.tokendir = ${join(folder, 'tokens')}\nlog.level = ERROR\n`)
  const env = { ...process.env, SOFTHSM2_CONF: config, PKCS11_MODULE_PATH: MODULE }
  const run = (program: string, ...args: readonly string[]): void => {
    execFileSync(program, args, { env, stdio: 'pipe' })
  }
  run('softhsm2-util', '--init-token', '--free', '--label', 'gw', '--pin', pin, '--so-pin', '5678')
  const tool = (...args: readonly string[]): void =>
    run('pkcs11-tool', '--module', MODULE, '--token-label', 'gw', '--login', '--pin', pin, ...args)
  const uri = (label: string, withPin = pin): string =>
    `pkcs11:token=gw;object=${label}?pin-value=${encodeURIComponent(withPin)}`
  const certify = (label: string, file: string, host = 'localhost'): string => {
    const names = ['-subj', `/CN=${label}`, '-addext', `subjectAltName=DNS:${host}`]
    const key = ['-engine', 'pkcs11', '-keyform', 'engine', '-key', uri(label)]
    run('openssl', 'req', '-x509', '-new', ...key, ...names, '-days', '5', '-out', file)
    return file
  }
  return {
    pin,
    env,
    uri,
    certify,
    issue: (label, { type = 'EC:prime256v1', file = join(folder, `${label}.crt`), host } = {}) => {
      const id = Buffer.from(label).toString('hex')
      tool('--keypairgen', '--key-type', type, '--label', label, '--id', id, '--usage-sign')
      return certify(label, file, host)
    },
    destroy: (label) => {
      for (const type of ['privkey', 'pubkey']) {
        tool('--delete-object', '--type', type, '--label', label)
      }
    },
  }
}
