// What the script `ssl-enum-ciphers` of nmap finds out about listeners: every suite by trying, and whose order counts.
import { groupOf, type Version, versionOf } from './sighting.ts'
import { converse, NMAP } from './tool.ts'

export interface NmapReport {
  /** In the listener's order. */
  readonly suites: readonly {
    readonly version: Version
    readonly suite: string
    /** Undefined: the suite has none. */
    readonly group: string | undefined
  }[]
  /** Whose preference decides, by version; `indeterminate` when there is one suite. */
  readonly preferences: readonly string[]
  /** The worst mark, from A to F; '' when there is no handshake. */
  readonly leastStrength: string
  readonly warnings: readonly string[]
}

/** One run for all listeners, by port. */
export async function runNmap(ports: readonly number[]): Promise<ReadonlyMap<number, NmapReport>> {
  const script = ['--script', 'ssl-enum-ciphers', '-oX', '-']
  const place = ['-Pn', '-n', '-p', ports.join(','), '127.0.0.1']
  const { output } = await converse(NMAP, [...script, ...place])
  const found = output.matchAll(/<port protocol="tcp" portid="(\d+)">(.*?)<\/port>/gs)
  const reports = new Map([...found].map(([, port, body = '']) => [Number(port), read(body)]))
  if (reports.size !== ports.length) throw new Error(`nmap did not try them all:\n${output}`)
  return reports
}

function read(body: string): NmapReport {
  const versions = [
    ...body.matchAll(
      /<table key="(TLSv[\d.]+|SSLv\d)">(.*?)(?=<table key="TLSv|<table key="SSLv|<elem key="least)/gs,
    ),
  ]
  return {
    suites: versions.flatMap(([, version = '', table = '']) => suitesOf(versionOf(version), table)),
    preferences: valuesOf(body, 'cipher preference'),
    leastStrength: valuesOf(body, 'least strength')[0] ?? '',
    warnings: [...body.matchAll(/<table key="warnings">(.*?)<\/table>/gs)].flatMap(
      ([, table = '']) =>
        [...table.matchAll(/<elem>([^<]*)<\/elem>/g)].map(([, warning = '']) => warning),
    ),
  }
}

function suitesOf(version: Version, table: string): NmapReport['suites'] {
  const [, ciphers = ''] =
    /<table key="ciphers">(.*?)<\/table>\s*(?:<table key="compressors"|<elem key="cipher)/s.exec(
      table,
    ) ?? []
  const names = valuesOf(ciphers, 'name')
  const exchanges = valuesOf(ciphers, 'kex_info')
  return names.map((name, at) => {
    const exchange = exchanges[at] ?? ''
    return {
      version,
      // AKE stands for what TLS 1.3 keeps out of a suite’s name: authenticated key exchange.
      suite: name.replace('TLS_AKE_WITH_', 'TLS_'),
      group: exchange.startsWith('rsa ') ? undefined : groupOf(exchange),
    }
  })
}

function valuesOf(body: string, key: string): readonly string[] {
  return [...body.matchAll(new RegExp(`<elem key="${key}">([^<]*)</elem>`, 'g'))].map(
    ([, value = '']) => value,
  )
}
