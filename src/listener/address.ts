// Addresses to listen on and to connect to, as the configuration writes them.
import { isIP } from 'node:net'
import { text } from '../core/fields.ts'

/** Host (a name, an IPv4 address, an IPv6 address in brackets, or nothing for all interfaces) and port. */
const ADDRESS_PATTERN = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]*):(\d{1,5})$/
const MAX_PORT = 65_535

export interface Address {
  /** '' means all interfaces. IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** `"[::1]:8443"` → host and port. Undefined when the text is not an address to listen on. */
export function parseAddress(listen: string): Address | undefined {
  const match = ADDRESS_PATTERN.exec(listen)
  if (match === null) return undefined
  const [, written = '', digits] = match
  const host = written.startsWith('[') ? written.slice(1, -1) : written
  const port = Number(digits)
  if (port > MAX_PORT || (written !== host && isIP(host) !== 6)) return undefined
  return { host, port }
}

/** A key that takes an address to listen on. */
export function addressField(
  notes: { readonly expected: string; readonly mend: string },
  isFit: (address: Address) => boolean = () => true,
) {
  return text({
    ...notes,
    pattern: ADDRESS_PATTERN,
    check: (written) => {
      const address = parseAddress(written)
      return address !== undefined && isFit(address)
    },
    shown: 'as-is',
  })
}

export const listenField = () =>
  addressField({
    expected: 'host:port, "[IPv6]:port", or ":port" for all interfaces',
    mend: 'write it in quotes, like "127.0.0.1:8443"',
  }).describe(
    'Address to listen on. `":8443"` means all interfaces; port 0 lets the system choose. An address beyond loopback needs `client_auth: verify` with `client_ca_file` in `tls`, or `insecure_allow_public: true`, because nothing else authenticates callers yet.',
  )

/** Of a document that the schema let through. */
export function toAddress(checked: string): Address {
  const address = parseAddress(checked)
  if (address === undefined) throw new Error(`an address that the schema let through: ${checked}`)
  return address
}
