// One request with `curl`, as most people try a listener: HTTP/2 where it is offered.
import { ianaName, opensslNames, WILLING } from './openssl.ts'
import {
  isTls13Suite,
  type Offer,
  refusedWith,
  type Sighting,
  type Target,
  versionOf,
} from './sighting.ts'
import { converse, CURL, type Talk } from './tool.ts'

/** The first number of a fatal alert in curl’s log, which has level and description in one. */
const FATAL = 0x200
const ALERT_MASK = 0xff

/** An answer that does not come: empty, cut, or a connection that HTTP/2 lost. */
const LOST = new Set([16, 18, 52, 55, 56, 92])
/** Options that the TLS library behind it did not take. */
const REFUSED_OPTION = new Set([4, 59])

export async function knockWithCurl({ port, caFile }: Target, offer: Offer): Promise<Sighting> {
  const { version, certificate } = offer
  const url = `https://localhost:${port}/`
  const place = ['--noproxy', '*', '--resolve', `localhost:${port}:127.0.0.1`]
  const trust = ['--cacert', caFile]
  const talk = await converse(CURL, [
    '-sv',
    ...place,
    ...trust,
    ...(version === undefined ? [] : [`--tlsv${version}`, '--tls-max', version]),
    ...suiteArguments(offer),
    ...(offer.group === undefined ? [] : ['--curves', offer.group]),
    ...(certificate === undefined
      ? []
      : ['--cert', certificate.certFile, '--key', certificate.keyFile]),
    ...(offer.http1 === true ? ['--http1.1'] : []),
    url,
  ])
  return judge(talk, offer)
}

function suiteArguments({ suite }: Offer): readonly string[] {
  if (suite === undefined) return ['--ciphers', WILLING]
  if (isTls13Suite(suite)) return ['--tlsv1.3', '--tls13-ciphers', suite]
  return ['--tls-max', '1.2', '--ciphers', `${opensslNames().get(suite)}:@SECLEVEL=0`]
}

function judge({ exitCode, output }: Talk, { group }: Offer): Sighting {
  const alerts = [...output.matchAll(/\(IN\), TLS alert, [^(]+\((\d+)\)/g)].map(([, n]) =>
    Number(n),
  )
  const fatal = alerts.find((number) => number >= FATAL)
  if (fatal !== undefined) return refusedWith(fatal & ALERT_MASK)
  const isUnable = /failed setting (?:curves|cipher)/.test(output)
  if (isUnable || REFUSED_OPTION.has(exitCode ?? 0)) return { kind: 'unable' }
  const isCut = LOST.has(exitCode ?? 0) || /SSL_ERROR_SYSCALL|Connection reset/.test(output)
  if (isCut && !/^< HTTP/m.test(output)) {
    return { kind: 'closed' }
  }
  if (output.includes('(OUT), TLS alert, protocol version')) return { kind: 'declined' }
  const [, version = '', suite = ''] = /SSL connection using (\S+) \/ (\S+)/.exec(output) ?? []
  if (exitCode !== 0 || !/^< HTTP\/[\d.]+ 404/m.test(output)) {
    throw new Error(`an outcome of curl that is not known (${exitCode}):\n${output}`)
  }
  return {
    kind: 'agreed',
    version: versionOf(version),
    suite: ianaName(suite),
    // It does not say, but offered no other.
    group,
    protocol: /ALPN: server accepted (\S+)/.exec(output)?.[1],
  }
}
