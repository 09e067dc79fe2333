// First messages of real TLS clients, and made-up ones.
import { execFile } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { onTestFinished } from 'vitest'

export const CLIENTS = ['node', 'openssl', 'curl', 'gnutls-cli'] as const

export type ClientName = (typeof CLIENTS)[number]

/** What a client sends first when it is to talk to `serverName`. */
export async function captureHello(client: ClientName, serverName: string): Promise<Buffer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const hello = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      const pieces: Buffer[] = []
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        pieces.push(chunk)
        const bytes = Buffer.concat(pieces)
        if (bytes.length < 5 + bytes.readUInt16BE(3)) return
        resolve(bytes)
        socket.destroy()
      })
    })
  })
  start(client, serverName, port)
  return hello
}

function start(client: ClientName, serverName: string, port: number): void {
  if (client === 'node') {
    connect({ port, host: '127.0.0.1', servername: serverName }).on('error', () => {})
    return
  }
  const [program, ...args] = {
    openssl: ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-servername', serverName],
    curl: [
      'curl',
      '-ks',
      '--connect-to',
      `${serverName}::127.0.0.1:${port}`,
      `https://${serverName}/`,
    ],
    'gnutls-cli': [
      'gnutls-cli',
      '--insecure',
      '--sni-hostname',
      serverName,
      '-p',
      `${port}`,
      '127.0.0.1',
    ],
  }[client]
  // It fails, as there is nobody to shake hands with.
  const child = execFile(program ?? '', args, () => {})
  onTestFinished(() => void child.kill())
}

const u8 = (value: number): Buffer => Buffer.from([value])
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const vector = (width: 1 | 2 | 3, content: Buffer): Buffer => {
  const length = Buffer.alloc(width)
  length.writeUIntBE(content.length, 0, width)
  return Buffer.concat([length, content])
}

export const extension = (type: number, data: Buffer): Buffer =>
  Buffer.concat([u16(type), vector(2, data)])

/** The server_name extension (RFC 6066 §3). */
export function serverNames(...names: readonly (string | Buffer)[]): Buffer {
  const entries = names.map((name) => {
    const bytes = typeof name === 'string' ? Buffer.from(name, 'latin1') : name
    return Buffer.concat([u8(0), vector(2, bytes)])
  })
  return extension(0, vector(2, Buffer.concat(entries)))
}

/** A ClientHello message with these extensions; undefined: without the list of them. */
export function helloMessage(extensions: readonly Buffer[] | undefined): Buffer {
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from('1301130213039a9a', 'hex')),
    vector(1, u8(0)),
    ...(extensions === undefined ? [] : [vector(2, Buffer.concat(extensions))]),
  ])
  return Buffer.concat([u8(1), vector(3, body)])
}

/** The message in records of at most this many bytes. */
export function inRecords(message: Buffer, maxBytes = 16_384): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += maxBytes) {
    const part = message.subarray(at, at + maxBytes)
    records.push(Buffer.concat([Buffer.from([22, 3, 1]), vector(2, part)]))
  }
  return Buffer.concat(records)
}

/** A whole first message as it is sent. */
export function madeHello(...extensions: readonly Buffer[]): Buffer {
  return inRecords(helloMessage(extensions))
}
