// One handshake with `openssl s_client`.
import { execFileSync } from 'node:child_process'
import {
  GET,
  groupOf,
  isTls13Suite,
  type Offer,
  refusedWith,
  type Sighting,
  type Target,
  type Version,
  versionOf,
} from './sighting.ts'
import { converse, OPENSSL, type Talk } from './tool.ts'

const FLAGS: Readonly<Record<Version, string>> = {
  '1.0': '-tls1',
  '1.1': '-tls1_1',
  '1.2': '-tls1_2',
  '1.3': '-tls1_3',
}

/** A client as willing as the program can be made: old versions and suites are below its own security level. */
export const WILLING = 'ALL:@SECLEVEL=0'

export async function knockWithOpenssl(target: Target, offer: Offer): Promise<Sighting> {
  const { version, suite, group, certificate, silent = false } = offer
  const args = [
    '-verify_hostname',
    'localhost',
    ...(version === undefined ? [] : [FLAGS[version]]),
    ...suiteArguments(suite),
    ...(group === undefined ? [] : ['-groups', group]),
    ...(certificate === undefined
      ? []
      : ['-cert', certificate.certFile, '-key', certificate.keyFile]),
  ]
  return judge(await talkWithOpenssl(target, args, silent ? { input: '' } : {}))
}

function suiteArguments(suite: string | undefined): readonly string[] {
  if (suite === undefined) return ['-cipher', WILLING]
  if (isTls13Suite(suite)) return ['-tls1_3', '-ciphersuites', suite]
  return ['-no_tls1_3', '-cipher', `${opensslNames().get(suite)}:@SECLEVEL=0`]
}

export interface OpensslTalk {
  readonly input?: string
  /** Name to ask for and to verify. */
  readonly servername?: string
  /** Lines of input that begin with R or Q are commands, and the end of the input ends the connection. */
  readonly hasCommands?: boolean
  /** Everything about the session instead of the brief form. */
  readonly verbose?: boolean
}

/** A conversation with more arguments of the program. */
export function talkWithOpenssl(
  { port, caFile }: Target,
  args: readonly string[],
  options: OpensslTalk = {},
): Promise<Talk> {
  const { input = GET, servername = 'localhost', hasCommands = false, verbose = false } = options
  const style = [...(verbose ? [] : ['-brief']), ...(hasCommands ? [] : ['-ign_eof'])]
  const place = ['-connect', `127.0.0.1:${port}`, '-servername', servername]
  const trust = ['-CAfile', caFile, '-verify_return_error']
  return converse(OPENSSL, ['s_client', ...style, ...place, ...trust, ...args], { input })
}

function judge({ output }: Talk): Sighting {
  if (output.includes('Call to SSL_CONF_cmd(')) return { kind: 'unable' }
  const alert = /SSL alert number (\d+)/.exec(output)?.[1]
  if (alert !== undefined) return refusedWith(alert)
  if (/unexpected eof while reading|read:errno=/.test(output)) return { kind: 'closed' }
  if (output.includes('ssl_choose_client_version:unsupported protocol')) return { kind: 'declined' }
  const version = /^Protocol version: (\S+)/m.exec(output)?.[1]
  const suite = /^Ciphersuite: (\S+)/m.exec(output)?.[1]
  if (version === undefined || suite === undefined || !/^HTTP\/1\.1 404 /m.test(output)) {
    throw new Error(`an outcome of openssl that is not known:\n${output}`)
  }
  const group = /^(?:Server|Peer) Temp Key: (?:ECDH, )?([\w-]+)/m.exec(output)?.[1]
  return {
    kind: 'agreed',
    version: versionOf(version),
    suite: ianaName(suite),
    group: group && groupOf(group),
  }
}

let names: ReadonlyMap<string, string> | undefined

/** IANA name → that of OpenSSL, as the program itself tells. */
export function opensslNames(): ReadonlyMap<string, string> {
  names ??= new Map(
    execFileSync(OPENSSL.name, ['ciphers', '-stdname', WILLING], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => {
        const [iana, , openssl] = line.split(/\s+/)
        return iana === undefined || openssl === undefined ? [] : [[iana, openssl] as const]
      }),
  )
  return names
}

export function ianaName(opensslName: string): string {
  const found = [...opensslNames()].find(([, openssl]) => openssl === opensslName)
  if (found === undefined) throw new Error(`a cipher suite that is not known: ${opensslName}`)
  return found[0]
}
