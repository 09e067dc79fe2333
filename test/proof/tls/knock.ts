// The programs that make one handshake with what they are told to offer.
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { knockWithCurl } from './curl.ts'
import { knockWithGnutls } from './gnutls.ts'
import { knockWithOpenssl } from './openssl.ts'
import { groupOf, type Offer, type Sighting, type Target, versionOf } from './sighting.ts'
import { CURL, GNUTLS, OPENSSL, type Tool } from './tool.ts'

export interface Knocker {
  readonly tool: Tool
  readonly knock: (target: Target, offer: Offer) => Promise<Sighting>
  /** Whether it hears of every refusal: who sends a request at once may lose the alert that was on its way. */
  readonly hearsAlerts: boolean
}

export const KNOCKERS: readonly Knocker[] = [
  { tool: OPENSSL, knock: knockWithOpenssl, hearsAlerts: true },
  { tool: GNUTLS, knock: knockWithGnutls, hearsAlerts: true },
  { tool: CURL, knock: knockWithCurl, hearsAlerts: false },
]

/** Node’s own client, for groups that no other program here has. */
export function knockWithNode({ port, caFile }: Target, { group = '' }: Offer): Promise<Sighting> {
  const ca = readFileSync(caFile)
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca,
      ecdhCurve: group,
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const { name } = socket.getEphemeralKeyInfo() as { readonly name?: string }
      const { standardName } = socket.getCipher()
      const version = versionOf(socket.getProtocol() ?? '')
      socket.destroy()
      resolve({ kind: 'agreed', version, suite: standardName, group: name && groupOf(name) })
    })
  })
}
