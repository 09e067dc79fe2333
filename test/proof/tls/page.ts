// docs/reference/tls.md: what every tool saw of every listener, as Markdown.
import { code, table } from '../../../scripts/reference/markdown.ts'
import type { Sighting } from './sighting.ts'
import type { Tool } from './tool.ts'

/** Cells by row and column, in the order in which rows were first written to. */
export class Cells {
  readonly #rows = new Map<string, Map<string, string>>()

  note(row: string, column: string, text: string): void {
    const cells = this.#rows.get(row) ?? new Map<string, string>()
    this.#rows.set(row, cells.set(column, text))
  }

  /** @param rows in the order of the table; a test that failed leaves its cell empty. */
  render(title: string, rows: readonly string[], columns: readonly string[]): string {
    return table(
      [title, ...columns],
      rows.map((row) => [row, ...columns.map((column) => this.#rows.get(row)?.get(column) ?? '')]),
    )
  }
}

const ENDS = {
  agreed: 'agreed',
  closed: 'closed',
  declined: 'declined',
  unable: 'does not know it',
}

export function inWords(sighting: Sighting): string {
  return sighting.kind === 'refused' ? code(sighting.alert) : ENDS[sighting.kind]
}

/** `agreed` of some, and how the others ended: `1.2, 1.3; 1.0, 1.1: protocol_version`. */
export function grouped(outcomes: readonly (readonly [string, Sighting])[]): string {
  const byEnd = new Map<string, string[]>()
  for (const [offer, sighting] of outcomes) {
    const end = inWords(sighting)
    byEnd.set(end, [...(byEnd.get(end) ?? []), offer])
  }
  const agreed = byEnd.get('agreed')
  byEnd.delete('agreed')
  const others = [...byEnd].map(([end, offers]) => `${offers.join(', ')}: ${end}`)
  return [...(agreed === undefined ? [] : [agreed.join(', ')]), ...others].join('; ')
}

export interface Defaults {
  readonly versions: readonly string[]
  readonly tls13Suites: readonly string[]
  readonly ecSuites: readonly string[]
  readonly rsaSuites: readonly string[]
  /** In the listener’s order. */
  readonly groups: readonly string[]
  readonly protocols: readonly string[]
}

export interface TlsPage {
  readonly tools: readonly Tool[]
  readonly defaults: Defaults
  readonly versions: string
  readonly suites: string
  readonly groups: string
  readonly clientAuth: string
  /** Ids of findings of testssl that are about itself. */
  readonly setAside: readonly string[]
}

const list = (names: readonly string[]): string => names.map(code).join(', ')

export function renderTlsPage(it: TlsPage): string {
  const tools = it.tools.map(({ name, line }) => `${name} ${line}`).join(', ')
  return [
    '# TLS of a listener, as others see it',
    `What independent programs agree on with a listener in each of its settings, and how they are turned away. Written by \`test/proof/tls/listener.test.ts\`, which makes every handshake and fails when one ends otherwise. The gateway ran on Node 24; the programs were ${tools} and the current chromium. A program of another generation can do other things, so the page is compared where these are installed.`,
    'The settings are keys of [`listeners[].tls`](config.md).',
    '## Defaults',
    renderDefaults(it),
    '## Versions',
    `Each of the first three programs offers one version at a time. A cell has the versions that were agreed on, then how the others ended: with an alert of the listener (${code('protocol_version')}), or *declined*: before TLS 1.3 a client names its newest version, the listener answers with the newest of its own that is not newer, and the client leaves. sslscan, nmap and testssl tell which versions they found, chromium what it agreed on. Versions below 1.2 lower the security level of OpenSSL for that listener, and the gateway warns at every start.`,
    it.versions,
    '## Cipher suites',
    `A listener with \`max_version: "1.2"\` and the one suite in \`cipher_suites\`. openssl, gnutls-cli and curl offer everything they have, then the suite alone, then another suite for the same kind of key, which must end in the alert ${code('handshake_failure')}. sslscan, nmap and testssl try every suite they know and must find this one only. chromium offers what browsers still do. HTTP/2 forbids suites without forward secrecy or authenticated encryption (RFC 9113 §9.2.2), and browsers insist on it: listeners that have no other suites do not offer it.`,
    it.suites,
    '## Groups',
    `A listener with the one group in \`curve_preferences\`. openssl, gnutls-cli and curl offer it alone in TLS 1.3 and 1.2, then another one, which must end in the alert ${code('handshake_failure')}; where they do not know it, they offer all they have. sslscan, nmap and testssl try every group they know; where they do not know it, they find none. The hybrids with ML-KEM exist in TLS 1.3 only. Node is a client with the same OpenSSL as the gateway, so no independent proof: it stands for peers of the same make.`,
    it.groups,
    '## Client certificates',
    `Each mode of \`client_auth\` with each kind of certificate, in TLS 1.2 and 1.3. *in*: the request was answered. *closed*: the connection ended without an alert; the reason is in the gateway’s log. curl sends its request before it hears of a refusal in TLS 1.3, so how it is told hangs on the moment, and its cell says *out*. \`request\` and \`verify\` have a \`client_ca_file\` and a \`crl_file\`. sslscan and nmap find the suites of the defaults behind every mode, testssl their versions, and sslscan tells which authority it was asked for. testssl and chromium have no certificate; testssl has no finding about client certificates, and is *in* where its own request over HTTP was answered.`,
    `${it.clientAuth}\n`,
  ].join('\n\n')
}

function renderDefaults({ defaults, setAside }: TlsPage): string {
  const { versions, tls13Suites, ecSuites, rsaSuites, groups, protocols } = defaults
  return [
    `- Versions: ${versions.join(' and ')}.`,
    `- Suites, in the listener’s order, which decides: in TLS 1.3 ${list(tls13Suites)}; in TLS 1.2 with an EC key ${list(ecSuites)}; with an RSA key ${list(rsaSuites)}. All have forward secrecy and authenticated encryption.`,
    `- Groups: ${list(groups)}. The first is the post-quantum hybrid of X25519 and ML-KEM-768 (where Node has it), and chromium takes it.`,
    `- Application protocols (ALPN): ${list(protocols)}. A client that offers others only gets the alert ${code('no_application_protocol')}.`,
    `- No renegotiation, no compression, no early data, no heartbeat; the fall-back signal (RFC 7507) is honoured; sessions are resumed by ticket.`,
    `- sslscan finds every suite of TLS 1.2 “strong” and nothing else to hold against the listener, with an EC and with an RSA key; nmap gives its best mark without a warning; testssl has no finding beyond OK and INFO, of vulnerabilities, suites, versions, forward secrecy and certificate. Not counted are ${list(setAside)}: they are about the tool itself.`,
    `- The same three judges find fault with a listener with \`min_version: "1.0"\` and ${code('TLS_RSA_WITH_AES_128_CBC_SHA')}.`,
  ].join('\n')
}
