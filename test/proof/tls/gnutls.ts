// One handshake with `gnutls-cli`, a TLS library that shares no code with OpenSSL.
import {
  GET,
  groupOf,
  type Offer,
  refusedWith,
  type Sighting,
  type Target,
  versionOf,
} from './sighting.ts'
import { converse, GNUTLS } from './tool.ts'

/** Everything that the library has among what the listener can be told to speak; its own default leaves out some. */
const ALL_VERSIONS = '+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0'
const ALL_SUITES =
  '+ECDHE-ECDSA:+ECDHE-RSA:+RSA:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-CBC:+AES-128-CBC:+AEAD:+SHA384:+SHA256:+SHA1'
const REST = '+SIGN-ALL:+CTYPE-ALL:+COMP-NULL:%VERIFY_ALLOW_SIGN_WITH_SHA1'

const GROUPS: Readonly<Record<string, string>> = {
  X25519: 'X25519',
  X448: 'X448',
  'P-256': 'SECP256R1',
  'P-384': 'SECP384R1',
  'P-521': 'SECP521R1',
}

export async function knockWithGnutls({ port, caFile }: Target, offer: Offer): Promise<Sighting> {
  const { version, suite, group, certificate, silent = false } = offer
  const parts = [
    'NONE',
    version === undefined ? ALL_VERSIONS : `+VERS-TLS${version}`,
    suite === undefined ? ALL_SUITES : partsOf(suite),
    group === undefined ? '+GROUP-ALL' : `+GROUP-${GROUPS[group] ?? group.toUpperCase()}`,
    REST,
  ]
  const names = ['--sni-hostname', 'localhost', '--verify-hostname', 'localhost']
  const trust = ['--x509cafile', caFile]
  const { output } = await converse(
    GNUTLS,
    [
      '127.0.0.1',
      '-p',
      String(port),
      ...names,
      ...trust,
      '--priority',
      parts.join(':'),
      ...(certificate === undefined
        ? []
        : ['--x509certfile', certificate.certFile, '--x509keyfile', certificate.keyFile]),
    ],
    { input: silent ? '' : GET },
  )
  return judge(output)
}

/** `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` in the words of a priority string. */
function partsOf(suite: string): string {
  const [, exchange, cipher = '', hash = ''] =
    /^TLS_(?:(\w+)_WITH_)?(AES_\d+_(?:GCM|CBC)|CHACHA20_POLY1305)_(SHA\d*)$/.exec(suite) ?? []
  const mac = cipher.endsWith('CBC') ? hash.replace(/^SHA$/, 'SHA1') : 'AEAD'
  const names = [exchange, cipher].flatMap((name) => name?.replaceAll('_', '-') ?? [])
  return [...names, mac].map((name) => `+${name}`).join(':')
}

function judge(output: string): Sighting {
  if (/^(?:Syntax error at|Error in priority)/m.test(output)) return { kind: 'unable' }
  const alert = /^\*\*\* Received alert \[(\d+)\]/m.exec(output)?.[1]
  if (alert !== undefined) return refusedWith(alert)
  if (/non-properly terminated|Connection reset by peer/.test(output)) return { kind: 'closed' }
  if (output.includes('unsupported version was received')) return { kind: 'declined' }
  const description = /^- Description: (\S+)/m.exec(output)?.[1]
  if (description === undefined || !/^HTTP\/1\.1 404 /m.test(output)) {
    throw new Error(`an outcome of gnutls-cli that is not known:\n${output}`)
  }
  return { kind: 'agreed', ...readDescription(description) }
}

/** `(TLS1.2-X.509)-(ECDHE-X25519)-(ECDSA-SHA256)-(AES-256-GCM)`, `(TLS1.0-X.509)-(ECDHE-X25519)-(AES-256-CBC)-(SHA1)` and so on. */
function readDescription(description: string): Omit<Sighting & { kind: 'agreed' }, 'kind'> {
  const parts = [...description.matchAll(/\(([^)]+)\)/g)].map(([, part = '']) => part)
  const version = versionOf(parts[0]?.replace('-X.509', '') ?? '')
  const [exchange = '', ...groupParts] = parts[1]?.split('-') ?? []
  const cipher = parts.find((part) => /^(?:AES-|CHACHA20)/.test(part)) ?? ''
  const written = cipher.replaceAll('-', '_')
  const group = groupParts.length === 0 ? undefined : groupOf(groupParts.join('-'))
  if (version === '1.3') return { version, suite: `TLS_${written}_${hashOf(cipher)}`, group }
  // Versions before 1.2 do not sign with a choice of algorithms, so the line does not have the certificate's kind of key.
  const signature = parts.find((part) => /^(?:ECDSA|RSA)-/.test(part))?.split('-')[0] ?? 'ECDSA'
  const mac = /^SHA\d+$/.test(parts.at(-1) ?? '')
    ? parts.at(-1)?.replace(/^SHA1$/, 'SHA')
    : undefined
  const key = exchange === 'RSA' ? 'RSA' : `${exchange}_${signature}`
  return { version, suite: `TLS_${key}_WITH_${written}_${mac ?? hashOf(cipher)}`, group }
}

const hashOf = (aead: string): string => (aead === 'AES-256-GCM' ? 'SHA384' : 'SHA256')
