// What `sslscan` finds out about listeners: every version, suite and group by trying, and some old weaknesses.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { groupOf, SUITE_NUMBERS, type Version, versionOf } from './sighting.ts'
import { converse, SSLSCAN } from './tool.ts'

export interface SslscanReport {
  readonly versions: readonly Version[]
  readonly suites: readonly {
    readonly version: Version
    readonly suite: string
    readonly group: string | undefined
    /** In the words of the tool: `strong`, `acceptable`, `medium`, `weak`, `anonymous`, `null`. */
    readonly strength: string
  }[]
  /** Names of authorities that it was asked for a certificate of. Undefined: none was named. */
  readonly authorities: string | undefined
  /** What it holds against the listener, versions and suites included. */
  readonly weaknesses: readonly string[]
}

/** One run for all listeners, by port. */
export async function runSslscan(
  ports: readonly number[],
  folder: string,
): Promise<ReadonlyMap<number, SslscanReport>> {
  const [targets, report] = [join(folder, 'sslscan-targets'), join(folder, 'sslscan.xml')]
  writeFileSync(targets, ports.map((port) => `127.0.0.1:${port}\n`).join(''))
  const style = ['--no-colour', '--sni-name=localhost', '--show-client-cas', '--show-sigs']
  const files = [`--targets=${targets}`, `--xml=${report}`]
  const { output } = await converse(SSLSCAN, [...style, ...files])
  const tests = readFileSync(report, 'utf8').matchAll(
    /<ssltest .*? port="(\d+)">(.*?)<\/ssltest>/gs,
  )
  const reports = new Map([...tests].map(([, port, body = '']) => [Number(port), read(body)]))
  if (reports.size !== ports.length) throw new Error(`sslscan did not try them all:\n${output}`)
  return reports
}

function read(body: string): SslscanReport {
  const versions = elementsOf(body, 'protocol')
    .filter(({ enabled }) => enabled === '1')
    .map(({ type, version = '' }) => (type === 'ssl' ? `SSL ${version}` : version))
  const suites = elementsOf(body, 'cipher').map(
    ({ sslversion = '', id, strength = '', curve }) => ({
      version: versionOf(sslversion),
      suite: SUITE_NUMBERS.get(Number(id)) ?? `suite ${id}`,
      group: curve === undefined ? undefined : groupOf(curve),
      strength,
    }),
  )
  return {
    versions: versions.flatMap((version) =>
      version.startsWith('SSL') ? [] : [versionOf(version)],
    ),
    suites,
    authorities: /<ca>\s*(.*?)\s*<\/ca>/s.exec(body)?.[1],
    weaknesses: [
      ...versions
        .filter((version) => version !== '1.2' && version !== '1.3')
        .map(labelled('version')),
      // It knows no better word than this for the suites of TLS 1.3.
      ...suites
        .filter(
          ({ version, strength }) => strength !== (version === '1.3' ? 'acceptable' : 'strong'),
        )
        .map(({ version, suite, strength }) => `${suite} in ${version} is ${strength}`),
      ...flagsOf(body),
    ],
  }
}

const labelled =
  (label: string) =>
  (text: string): string =>
    `${label} ${text}`

/** What is wrong whatever the versions and suites are. */
function flagsOf(body: string): readonly string[] {
  const isAny = (name: string, attribute: string, value: string): boolean =>
    elementsOf(body, name).some((element) => element[attribute] === value)
  const isInsecureRenegotiation = elementsOf(body, 'renegotiation').some(
    ({ supported, secure }) => supported === '1' && secure === '0',
  )
  const signatures = elementsOf(body, 'connection-signature-algorithm').map(({ name = '' }) => name)
  const flags: readonly (readonly [boolean, string])[] = [
    // With RFC 5746, which it goes by, a client could renegotiate only as itself.
    [isInsecureRenegotiation, 'renegotiation'],
    [isAny('heartbleed', 'vulnerable', '1'), 'heartbleed'],
    [isAny('compression', 'supported', '1'), 'compression'],
    [isAny('fallback', 'supported', '0'), 'no fallback protection'],
    [isAny('pk', 'error', 'true'), 'certificate with an unreadable key'],
    [body.includes('<expired>true</expired>'), 'expired certificate'],
    [/<signature-algorithm>[^<]*(?:md5|sha1)/i.test(body), 'certificate with a weak signature'],
    [signatures.some((name) => /sha1|md5/i.test(name)), 'weak signatures in the handshake'],
  ]
  return flags.flatMap(([isSo, name]) => (isSo ? [name] : []))
}

function elementsOf(body: string, name: string): readonly Readonly<Record<string, string>>[] {
  return [...body.matchAll(new RegExp(`<${name} ([^>]*?)/?>`, 'g'))].map(([, attributes = '']) =>
    Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        value,
      ]),
    ),
  )
}
