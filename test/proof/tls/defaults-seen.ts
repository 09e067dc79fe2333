// What several programs together see of a listener with its defaults.
import { knockWithCurl } from './curl.ts'
import type { Lab } from './lab.ts'
import { knockWithOpenssl } from './openssl.ts'
import type { Defaults } from './page.ts'
import { CLASSIC_GROUPS, DEFAULTS, DEFAULTS_RSA, type Setting } from './settings.ts'

export async function defaultsSeen(lab: Lab): Promise<Defaults> {
  const target = lab.target(DEFAULTS)
  const suitesIn = (setting: Setting, version: string): readonly string[] =>
    lab.seen('nmap', setting).suites.flatMap((it) => (it.version === version ? it.suite : []))
  const groups: string[] = []
  for (const group of CLASSIC_GROUPS) {
    const { kind } = await knockWithOpenssl(target, { version: '1.3', group })
    if (kind === 'agreed') groups.push(group)
  }
  const { handshake } = lab.seen('chromium', DEFAULTS)
  const overHttp1 = await knockWithCurl(target, { http1: true })
  const agreed = [handshake, overHttp1].flatMap((it) => (it.kind === 'agreed' ? it : []))
  return {
    versions: lab.seen('sslscan', DEFAULTS).versions,
    tls13Suites: suitesIn(DEFAULTS, '1.3'),
    ecSuites: suitesIn(DEFAULTS, '1.2'),
    rsaSuites: suitesIn(DEFAULTS_RSA, '1.2'),
    groups: [...agreed.flatMap(({ group }) => group ?? []), ...groups],
    protocols: agreed.flatMap(({ protocol }) => protocol ?? []),
  }
}
