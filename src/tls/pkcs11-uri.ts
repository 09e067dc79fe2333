// Addresses of keys in tokens (RFC 7512): which key is meant, and the PIN apart from it, as the engine prints an address that
// it finds nothing at. Whether there is such a key is up to engine-key.ts.

export interface Pkcs11Uri {
  /** The key, without the PIN. */
  readonly address: string
  /** What names the token in it: the same for all keys that have the PIN in common. */
  readonly token: string
  readonly pin: PinPlace
}

export type PinPlace =
  | { readonly kind: 'value'; readonly value: string }
  /** As written: relative to whoever wrote it. */
  | { readonly kind: 'file'; readonly path: string }

/** What libp11 understands; it refuses an address with anything else. */
export const ADDRESS_ATTRIBUTES = [
  'token',
  'serial',
  'manufacturer',
  'model',
  'object',
  'id',
  'type',
] as const
const TOKEN_ATTRIBUTES: ReadonlySet<string> = new Set(ADDRESS_ATTRIBUTES.slice(0, 4))

/** libp11 keeps a PIN in a buffer of 32 bytes, and tokens take fewer. */
const MAX_PIN_BYTES = 32

/**
 * Undefined: it is not an address of one key with a PIN. Without a token the engine would try the PIN on whatever is
 * plugged in, without a key take the first it finds, and without a PIN ask for one at the terminal.
 */
export function parsePkcs11Uri(written: string): Pkcs11Uri | undefined {
  if (!/^pkcs11:[!-~]+$/.test(written)) return undefined
  const [path = '', query = '', ...rest] = written.slice('pkcs11:'.length).split('?')
  if (rest.length > 0) return undefined
  const attributes = [...attributesIn(path, ';'), ...attributesIn(query, '&')]
  const names = attributes.map(([name]) => name)
  if (new Set(names).size < names.length) return undefined
  const inAddress = attributes.filter(([name]) => !name.startsWith('pin-'))
  if (!inAddress.every(isAddressAttribute)) return undefined
  const pin = pinIn(attributes.filter(([name]) => name.startsWith('pin-')))
  const has = (...any: readonly string[]): boolean => any.some((name) => names.includes(name))
  if (pin === undefined || !has('token', 'serial') || !has('object', 'id')) return undefined
  return {
    address: `pkcs11:${joined(inAddress)}`,
    token: joined(inAddress.filter(([name]) => TOKEN_ATTRIBUTES.has(name))),
    pin,
  }
}

/** Whether a PIN can be handed to the engine. */
export function isPin(text: string): boolean {
  return text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= MAX_PIN_BYTES
}

type Attribute = readonly [name: string, value: string]

function attributesIn(text: string, separator: string): readonly Attribute[] {
  if (text === '') return []
  return text.split(separator).map((each) => {
    const at = each.indexOf('=')
    return at < 0 ? ['', each] : [each.slice(0, at), each.slice(at + 1)]
  })
}

function isAddressAttribute([name, value]: Attribute): boolean {
  return (ADDRESS_ATTRIBUTES as readonly string[]).includes(name) && value !== ''
}

function pinIn(attributes: readonly Attribute[]): PinPlace | undefined {
  const [[name, value] = ['', ''], ...more] = attributes
  const decoded = decode(value)
  if (more.length > 0 || decoded === undefined) return undefined
  if (name === 'pin-value' && isPin(decoded)) return { kind: 'value', value: decoded }
  // `file:/run/pin`, `file:///run/pin` and, as libp11 takes it, the path alone. `|program` of RFC 7512 §2.3 is not run.
  const path = decoded.replace(/^file:(?:\/\/(?=\/))?/, '')
  const isPath = path !== '' && !/^\||\0|^[a-z][a-z0-9+.-]*:/i.test(path)
  return name === 'pin-source' && isPath ? { kind: 'file', path } : undefined
}

function decode(value: string): string | undefined {
  try {
    return decodeURIComponent(value)
  } catch {
    // A percent sign that encodes nothing, or bytes that are no UTF-8.
    return undefined
  }
}

function joined(attributes: readonly Attribute[]): string {
  return attributes.map(([name, value]) => `${name}=${value}`).join(';')
}
