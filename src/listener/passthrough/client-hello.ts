// Reads the server name out of the beginning of a TLS connection, however it was cut into records and packets. It judges
// only what it has to understand; all the rest is for the server that gets the same bytes.

/**
 * Longest beginning that is looked at, record headers included. Today's hellos have 0.3 to 2 KiB, with post-quantum key
 * shares and a session ticket up to about 6 KiB.
 */
export const MAX_HELLO_BYTES = 32_768

/** TLS alert descriptions (RFC 8446 §6). */
export const ALERT = {
  illegalParameter: 47,
  decodeError: 50,
  internalError: 80,
  missingExtension: 109,
  unrecognizedName: 112,
} as const

export type HelloReading =
  | { readonly kind: 'incomplete' }
  /** `serverName` in lower case without a trailing dot; undefined when the client names none. */
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  /** `alert` undefined: this is not TLS at all, so an alert would mean nothing to the client. */
  | { readonly kind: 'invalid'; readonly reason: string; readonly alert: number | undefined }

const RECORD_HEADER_BYTES = 5
const HANDSHAKE_HEADER_BYTES = 4
const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
const MAX_RECORD_BYTES = 16_384
/** First byte of the version in all TLS records, and in those of SSL 3.0. */
const MAJOR_VERSION = 3
const VERSION_AND_RANDOM_BYTES = 34
const MAX_SESSION_ID_BYTES = 32
const SERVER_NAME_EXTENSION = 0
const HOST_NAME = 0

/** What a host name in a certificate can match; no IP address is one, but some clients send them (RFC 6066 §3). */
const HOST_NAME_PATTERN = /^[a-z\d_-]+(?:\.[a-z\d_-]+)*$/
const MAX_HOST_NAME_CHARS = 253

const INCOMPLETE: HelloReading = { kind: 'incomplete' }
const TOO_LONG = {
  kind: 'invalid',
  reason: 'the ClientHello is too long',
  alert: ALERT.decodeError,
} as const

class InvalidHello extends Error {
  override readonly name = 'InvalidHello'
  readonly alert: number | undefined

  constructor(reason: string, alert: number | 'none' = ALERT.decodeError) {
    super(reason)
    this.alert = alert === 'none' ? undefined : alert
  }
}

/** Reads one connection's beginning. Every byte is looked at once, so a hello in tiny pieces costs little more than a whole one. */
export class ClientHelloReader {
  /** Grows by doubling; a connection that says nothing costs nothing. */
  #bytes = Buffer.alloc(0)
  #length = 0
  /** Where the record begins that is not there as a whole. */
  #recordAt = 0
  /** Starts and ends of the whole records' contents in `#bytes`. */
  readonly #fragments: [start: number, end: number][] = []
  #handshakeLength = 0
  /** Where the hello ends in the records' contents, once its header is there. */
  #end: number | undefined

  /** Everything received so far, also what came behind the hello. */
  get received(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Takes the next bytes of the connection. Never throws; not to be called again once the reading is over. */
  push(chunk: Buffer): HelloReading {
    this.#append(chunk)
    try {
      const hello = this.#takeRecords()
      if (hello !== undefined) return { kind: 'hello', serverName: readServerName(hello) }
    } catch (thrown) {
      if (!(thrown instanceof InvalidHello)) throw thrown
      return { kind: 'invalid', reason: thrown.message, alert: thrown.alert }
    }
    return this.#length < MAX_HELLO_BYTES ? INCOMPLETE : TOO_LONG
  }

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  /** The body of the ClientHello, once its last record is whole. */
  #takeRecords(): Buffer | undefined {
    for (;;) {
      const rest = this.#bytes.subarray(this.#recordAt, this.#length)
      const recordLength = recordLengthOf(rest)
      if (recordLength === undefined || rest.length < recordLength) return undefined
      const end = this.#recordAt + recordLength
      this.#fragments.push([this.#recordAt + RECORD_HEADER_BYTES, end])
      this.#handshakeLength += recordLength - RECORD_HEADER_BYTES
      this.#recordAt = end
      const hello = this.#wholeHandshake()
      if (hello !== undefined) return hello
    }
  }

  #wholeHandshake(): Buffer | undefined {
    if (this.#handshakeLength < HANDSHAKE_HEADER_BYTES) return undefined
    this.#end ??= this.#readHeader()
    if (this.#handshakeLength < this.#end) return undefined
    return this.#joined(this.#fragments.length).subarray(HANDSHAKE_HEADER_BYTES, this.#end)
  }

  #readHeader(): number {
    // A record has at least one byte, so the first few have the header.
    const header = this.#joined(HANDSHAKE_HEADER_BYTES)
    if (header[0] !== CLIENT_HELLO) throw new InvalidHello('expected a ClientHello')
    const end = HANDSHAKE_HEADER_BYTES + header.readUIntBE(1, 3)
    if (end > MAX_HELLO_BYTES) throw new InvalidHello(TOO_LONG.reason)
    return end
  }

  /** The first records' contents in one piece. */
  #joined(records: number): Buffer {
    return Buffer.concat(
      this.#fragments.slice(0, records).map(([start, end]) => this.#bytes.subarray(start, end)),
    )
  }
}

/** Length of the record that begins here, header included; undefined while its header is not whole. */
function recordLengthOf(bytes: Buffer): number | undefined {
  const [type, major] = bytes
  const isOther = type !== HANDSHAKE_RECORD || (major !== undefined && major !== MAJOR_VERSION)
  if (type !== undefined && isOther) throw new InvalidHello('not a TLS handshake', 'none')
  if (bytes.length < RECORD_HEADER_BYTES) return undefined
  const length = bytes.readUInt16BE(3)
  // An empty fragment of a handshake is not allowed (RFC 8446 §5.1); it would also let a record cost nothing.
  if (length === 0 || length > MAX_RECORD_BYTES) throw new InvalidHello('a record of a wrong size')
  return RECORD_HEADER_BYTES + length
}

/** Walks over vectors with a length before them (RFC 8446 §3.4). */
class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new InvalidHello('the ClientHello ends too early')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  number(bytes: 1 | 2): number {
    return this.take(bytes).readUIntBE(0, bytes)
  }

  vector(lengthBytes: 1 | 2): Buffer {
    return this.take(this.number(lengthBytes))
  }
}

/** RFC 8446 §4.1.2, which has the same shape in all versions from SSL 3.0 on. */
function readServerName(body: Buffer): string | undefined {
  const hello = new Cursor(body)
  hello.take(VERSION_AND_RANDOM_BYTES)
  if (hello.vector(1).length > MAX_SESSION_ID_BYTES) throw new InvalidHello('a long session id')
  hello.vector(2)
  hello.vector(1)
  // Up to TLS 1.2 a hello may end without extensions.
  if (hello.isAtEnd) return undefined
  const extensions = new Cursor(hello.vector(2))
  if (!hello.isAtEnd) throw new InvalidHello('bytes behind the extensions')
  let found: Buffer | undefined
  while (!extensions.isAtEnd) {
    const type = extensions.number(2)
    const data = extensions.vector(2)
    if (type !== SERVER_NAME_EXTENSION) continue
    // Two of them would let the server read another name than was decided on (RFC 8446 §4.2 forbids it).
    if (found !== undefined) {
      throw new InvalidHello('two server_name extensions', ALERT.illegalParameter)
    }
    found = data
  }
  return found && hostNameIn(found)
}

/** RFC 6066 §3. A list of exactly one host name: nothing else was ever defined, and servers differ on the rest. */
function hostNameIn(data: Buffer): string {
  const extension = new Cursor(data)
  const names = new Cursor(extension.vector(2))
  if (!extension.isAtEnd) throw new InvalidHello('bytes behind the server names')
  if (names.number(1) !== HOST_NAME) {
    throw new InvalidHello('a server name of another type', ALERT.illegalParameter)
  }
  const written = names.vector(2).toString('latin1')
  if (!names.isAtEnd) throw new InvalidHello('two server names', ALERT.illegalParameter)
  const name = written.toLowerCase().replace(/\.$/, '')
  if (name.length > MAX_HOST_NAME_CHARS || !HOST_NAME_PATTERN.test(name)) {
    throw new InvalidHello('a server name that is no host name', ALERT.illegalParameter)
  }
  return name
}
