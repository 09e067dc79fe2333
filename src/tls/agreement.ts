// What one handshake agreed on, as a server sees it: for the log.
import type { TLSSocket } from 'node:tls'
import { DerError, derMembers, derTag, readDer } from './der.ts'
import { versionName } from './versions.ts'

export interface Agreement {
  readonly version: string
  readonly suite: string
  readonly group: string
  readonly alpn: string
  readonly resumed: boolean
}

export function agreementOf(socket: TLSSocket): Agreement {
  return {
    version: versionName(socket.getProtocol() ?? 'none'),
    suite: socket.getCipher().standardName,
    group: groupOf(socket.getSession()),
    alpn: socket.alpnProtocol === false ? 'none' : (socket.alpnProtocol ?? 'none'),
    resumed: socket.isSessionReused(),
  }
}

/** IANA's numbers of the groups, by the names that a configuration uses. */
const GROUPS: Readonly<Record<number, string>> = {
  0x0017: 'P-256',
  0x0018: 'P-384',
  0x0019: 'P-521',
  0x001d: 'X25519',
  0x001e: 'X448',
  0x11eb: 'SecP256r1MLKEM768',
  0x11ec: 'X25519MLKEM768',
  0x11ed: 'SecP384r1MLKEM1024',
}

/** `[19] EXPLICIT INTEGER kex_group` of OpenSSL's SSL_SESSION, in which Node hands sessions over. */
const KEX_GROUP_TAG = 0xb3

/** Node tells the group to clients alone; on a server it is in the session. A resumed one has that of its beginning. */
function groupOf(session: Buffer | undefined): string {
  if (session === undefined) return 'unknown'
  try {
    const field = derMembers(readDer(session)).find(({ tag }) => tag === KEX_GROUP_TAG)
    const value = field && readDer(field.content)
    if (value?.tag !== derTag.integer) return 'none'
    const number = Number.parseInt(value.content.toString('hex'), 16)
    return GROUPS[number] ?? (number === 0 ? 'none' : `0x${number.toString(16)}`)
  } catch (thrown) {
    if (!(thrown instanceof DerError)) throw thrown
    return 'unknown'
  }
}
