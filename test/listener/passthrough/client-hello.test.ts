import { array, assert, constantFrom, integer, property, uint8Array } from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALERT,
  ClientHelloReader,
  MAX_HELLO_BYTES,
  type HelloReading,
} from '../../../src/listener/passthrough/client-hello.ts'
import {
  captureHello,
  CLIENTS,
  extension,
  helloMessage,
  inRecords,
  madeHello,
  serverNames,
} from './hellos.ts'

/** The reading after the last piece, or the first that is final. */
function read(...pieces: readonly Buffer[]): HelloReading {
  const reader = new ClientHelloReader()
  let reading: HelloReading = { kind: 'incomplete' }
  for (const piece of pieces) {
    reading = reader.push(piece)
    if (reading.kind !== 'incomplete') return reading
  }
  return reading
}

const isHello = (serverName: string | undefined): HelloReading => ({ kind: 'hello', serverName })

const cutAt = (bytes: Buffer, ...places: readonly number[]): Buffer[] => {
  const sorted = [0, ...places.toSorted((a, b) => a - b), bytes.length]
  return sorted.slice(1).map((end, at) => bytes.subarray(sorted[at], end))
}

/** As a Buffer of the network: not at the start of its memory. */
const NAME = 'a.example.com'
const GREASE = extension(0x3a3a, Buffer.alloc(0))
const KEY_SHARE = extension(51, Buffer.alloc(1_300, 3))

describe.each(CLIENTS)('the first message of %s', (client) => {
  it('is read wherever it is cut into packets, and into one-byte packets', async () => {
    const hello = await captureHello(client, NAME)
    for (let at = 1; at < hello.length; at += 1) {
      expect(read(hello.subarray(0, at)), `${at} bytes`).toEqual({ kind: 'incomplete' })
      expect(read(...cutAt(hello, at)), `cut at ${at}`).toEqual(isHello(NAME))
    }
    expect(read(...[...hello].map((byte) => Buffer.from([byte])))).toEqual(isHello(NAME))
  })

  it('is read wherever it is cut into records', async () => {
    const hello = await captureHello(client, NAME)
    const message = hello.subarray(5)
    for (let size = 1; size < message.length; size += 1) {
      expect(read(inRecords(message, size)), `${size} per record`).toEqual(isHello(NAME))
    }
  })

  it('is kept as it came, with what follows it', async () => {
    const hello = await captureHello(client, NAME)
    const early = Buffer.from('17030300050102030405', 'hex')
    const reader = new ClientHelloReader()
    expect(reader.push(hello.subarray(0, 100))).toEqual({ kind: 'incomplete' })
    expect(reader.push(Buffer.concat([hello.subarray(100), early]))).toEqual(isHello(NAME))
    expect(reader.received).toEqual(Buffer.concat([hello, early]))
  })
})

describe('a server name', () => {
  it.each([
    ['in another case', 'A.Example.COM', NAME],
    ['with a trailing dot', `${NAME}.`, NAME],
    ['of one label', 'localhost', 'localhost'],
    ['with digits, hyphens and underscores', 'x-1._tcp.b2.example', 'x-1._tcp.b2.example'],
  ])('%s is read', (_, written, name) => {
    expect(read(madeHello(GREASE, serverNames(written), KEY_SHARE))).toEqual(isHello(name))
  })

  it.each([
    ['without extensions', inRecords(helloMessage(undefined))],
    ['without extensions in the list', madeHello()],
    ['with other extensions', madeHello(GREASE, KEY_SHARE)],
  ])('is not there in a hello %s', (_, bytes) => {
    expect(read(bytes)).toEqual(isHello(undefined))
  })

  it.each([
    ['empty', serverNames('')],
    ['with NUL', serverNames('a.example.com\0.evil.example')],
    ['with a space', serverNames('a example')],
    ['with a wildcard', serverNames('*.example.com')],
    ['that is a dot', serverNames('.')],
    ['with an empty label', serverNames('a..b')],
    ['beyond ASCII', serverNames('bücher.example')],
    ['of 254 characters', serverNames(`${'a'.repeat(63)}.`.repeat(4).slice(0, 254))],
    ['twice in the list', serverNames(NAME, 'b.example.com')],
    ['of an unknown type', extension(0, Buffer.from('0004010001617a', 'hex').subarray(0, 6))],
  ])('%s is illegal', (_, sni) => {
    expect(read(madeHello(sni))).toMatchObject({ kind: 'invalid', alert: ALERT.illegalParameter })
  })

  it('is illegal in two extensions: the server might read the other one', () => {
    expect(read(madeHello(serverNames(NAME), GREASE, serverNames('b.example')))).toEqual({
      kind: 'invalid',
      reason: 'two server_name extensions',
      alert: ALERT.illegalParameter,
    })
  })
})

describe('what is no ClientHello', () => {
  const hello = madeHello(serverNames(NAME))
  const patched = (at: number, byte: number): Buffer => {
    const copy = Buffer.from(hello)
    copy[at] = byte
    return copy
  }

  it.each([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['one byte of another protocol', Buffer.from('S')],
    ['an SSL 2.0 hello', Buffer.from('802b0100020012', 'hex')],
    ['a record of another major version', patched(1, 4)],
  ])('is told from TLS at once: %s', (_, bytes) => {
    expect(read(bytes)).toMatchObject({ kind: 'invalid', alert: undefined })
  })

  it.each([
    ['another handshake message', patched(5, 2)],
    ['an empty record', Buffer.from('1603010000', 'hex')],
    ['a record beyond 16 KiB', Buffer.from('1603014001', 'hex')],
    ['a message longer than is looked at', Buffer.from('16030100040100ffff', 'hex')],
    ['a session id of 33 bytes', patched(43, 33)],
    ['extensions that end behind the message', patched(43 + 33 + 10 + 2 + 1, 0xff)],
    [
      'another record between the parts',
      Buffer.concat([
        inRecords(helloMessage([]), 20).subarray(0, 25),
        Buffer.from('150301000201', 'hex'),
      ]),
    ],
  ])('is refused: %s', (_, bytes) => {
    const reading = read(bytes)
    expect(reading.kind).toBe('invalid')
  })

  it('is refused as soon as more than 32 KiB came without a whole one', () => {
    const endless = inRecords(helloMessage([extension(21, Buffer.alloc(60_000))]), 1)
    const reader = new ClientHelloReader()
    let taken = 0
    while (reader.push(endless.subarray(taken, taken + 1_000)).kind === 'incomplete') taken += 1_000
    expect(taken).toBeLessThanOrEqual(MAX_HELLO_BYTES)
  })

  it('is taken up to that size', () => {
    const large = madeHello(extension(21, Buffer.alloc(16_000)), serverNames(NAME))
    expect(large.length).toBeGreaterThan(16_000)
    expect(read(large)).toEqual(isHello(NAME))
    const larger = inRecords(helloMessage([extension(21, Buffer.alloc(32_000)), serverNames(NAME)]))
    expect(read(...cutAt(larger, 9_000, 20_000))).toEqual(isHello(NAME))
  })
})

describe('hostile input', () => {
  const hello = madeHello(GREASE, serverNames(NAME), KEY_SHARE)

  it('never throws, and ends in one of the three readings', () => {
    const kinds = new Set(['incomplete', 'hello', 'invalid'])
    const pieces = array(uint8Array({ maxLength: 300 }), { maxLength: 8 })
    assert(
      property(
        pieces,
        constantFrom('', '16', '160301', '1603010100010000fc0303'),
        (random, start) => {
          const bytes = [Buffer.from(start, 'hex'), ...random.map((each) => Buffer.from(each))]
          expect(kinds).toContain(read(...bytes).kind)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('never throws for a real hello with bytes changed, wherever it is cut', () => {
    const changes = array(integer({ min: 0, max: hello.length - 1 }), {
      minLength: 1,
      maxLength: 4,
    })
    assert(
      property(changes, integer({ min: 0, max: 255 }), changes, (places, byte, cuts) => {
        const copy = Buffer.from(hello)
        for (const place of places) copy[place] = byte
        const whole = read(copy)
        expect(read(...cutAt(copy, ...cuts))).toEqual(whole)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is looked at once: a hello in one-byte records costs little', () => {
    const bytes = inRecords(helloMessage([extension(21, Buffer.alloc(5_000))]), 1)
    const startedMs = performance.now()
    const pieces = [...bytes].map((byte) => Buffer.from([byte]))
    expect(read(...pieces)).toEqual(isHello(undefined))
    expect(performance.now() - startedMs).toBeLessThan(1_000)
  })
})
