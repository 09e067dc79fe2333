// Keys inside a hardware security module, as far as the configuration goes: which keys go together, and what is in the files.
// Without an HSM; what a token answers is in test/gateway/key-engine.test.ts.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changed, faultLines, makePair, tempFolder } from './config-file.ts'

const PIN = '4711-geheim'
const URI = `pkcs11:token=gw;object=tls?pin-value=${PIN}`

const listenerWith = (tls: string): string => changed('8443\n', `8443\n    tls: {${tls}}\n`)
const serverWith = (tls: string): string =>
  changed('http://127.0.0.1:5051/mcp\n', `https://w.test/mcp\n    tls: {${tls}}\n`)

function folderWithPair(): string {
  const folder = tempFolder()
  makePair(folder, 'a')
  writeFileSync(join(folder, 'engine.so'), 'no library', { mode: 0o600 })
  return folder
}

/** The faults without their places and the key’s path. */
const told = (text: string, folder = folderWithPair()): readonly string[] =>
  faultLines(text, {}, folder).map((line) => line.replaceAll(folder, 'DIR'))

const KEY = `key_engine: engine.so, key_identifier: "${URI}"`

describe.each([
  ['a listener', listenerWith, 'sallyport.yaml:3:', 'listeners[0].tls'],
  ['a server', serverWith, 'sallyport.yaml:7:', 'servers.weather.tls'],
])('the keys of %s', (_, file, place, path) => {
  it.each([
    [
      `cert_file: a.crt, key_file: a.key, ${KEY}`,
      'key_engine',
      'expected either key_file, or key_engine and key_identifier, got both; remove one of the two',
    ],
    [
      `cert_file: a.crt, key_file: a.key, key_identifier: "${URI}"`,
      'key_identifier',
      'expected either key_file, or key_engine and key_identifier, got both; remove one of the two',
    ],
    [
      'cert_file: a.crt, key_engine: engine.so',
      'key_engine',
      'expected key_identifier beside it, got none; add key_identifier, or remove key_engine',
    ],
    [
      `cert_file: a.crt, key_identifier: "${URI}"`,
      'key_identifier',
      'expected key_engine beside it, got none; add key_engine, or remove key_identifier',
    ],
    [
      KEY,
      'key_engine',
      'expected cert_file beside it, got none; add cert_file, or remove key_engine',
    ],
  ])('contradict each other: %s', (tls, key, rest) => {
    const lines = told(file(tls))
    expect(lines).toEqual([expect.stringContaining(`: ${path}.${key}: ${rest}`)])
    expect(lines[0]).toMatch(new RegExp(`^${place}\\d+: `))
    expect(lines.join()).not.toContain(PIN)
  })

  it('do not go with a PKCS#12 file', () => {
    const lines = told(file(`pfx_file: a.pfx, password: x, ${KEY}`))
    expect(lines).toEqual([expect.stringContaining(`: ${path}.pfx_file: expected `)])
  })

  it.each(['pkcs11:token=gw;object=tls', `pkcs11:token=gw;object=tls;pin_value=${PIN}`, PIN])(
    'need an address with a PIN, and do not show what was written: %s',
    (identifier) => {
      const lines = told(
        file(`cert_file: a.crt, key_engine: engine.so, key_identifier: "${identifier}"`),
      )
      expect(lines).toEqual([
        expect.stringContaining(
          `${path}.key_identifier: expected the address of one key with its PIN, as a pkcs11: URI, got something else (not shown); write it like `,
        ),
      ])
      expect(lines.join()).not.toContain(PIN)
    },
  )

  it('name an engine that is there', () => {
    const missing = KEY.replace('engine.so', 'none.so')
    expect(told(file(`cert_file: a.crt, ${missing}`))).toEqual([
      expect.stringContaining(
        `${path}.key_engine: expected an OpenSSL engine, got no file at DIR/none.so; correct the path, or create the file`,
      ),
    ])
  })

  it('name an engine, and not another file', () => {
    expect(told(file(`cert_file: a.crt, ${KEY}`))).toEqual([
      expect.stringContaining(
        `${path}.key_engine: expected an OpenSSL engine, got a file that OpenSSL does not load as one; name the engine’s library`,
      ),
    ])
  })

  it('name an engine, and not a folder', () => {
    const folder = folderWithPair()
    mkdirSync(join(folder, 'engines'))
    const lines = told(file(`cert_file: a.crt, ${KEY.replace('engine.so', 'engines')}`), folder)
    expect(lines).toEqual([expect.stringContaining('got a folder at DIR/engines; name the')])
  })
})

describe('the file of a PIN', () => {
  const withPinFile = `cert_file: a.crt, key_engine: engine.so, key_identifier: "pkcs11:token=gw;object=tls?pin-source=file:pin"`

  it.each([
    ['is not there', undefined, 'expected a file with a PIN and nothing else, got no file at'],
    ['is empty', '', 'got an empty one; write the PIN into it, on one line'],
    ['has several lines', '12\n34\n', 'got 6 bytes; write the PIN into it, on one line'],
  ])('is looked for beside the config, and refused when it %s', (_, content, rest) => {
    const folder = folderWithPair()
    if (content !== undefined) writeFileSync(join(folder, 'pin'), content, { mode: 0o600 })
    const lines = told(listenerWith(withPinFile), folder)
    expect(lines[0]).toContain('listeners[0].tls.key_identifier: expected ')
    expect(lines[0]).toContain(rest)
  })

  it('must not be readable by everybody', () => {
    const folder = folderWithPair()
    writeFileSync(join(folder, 'pin.real'), PIN, { mode: 0o644 })
    symlinkSync(join(folder, 'pin.real'), join(folder, 'pin'))
    expect(told(listenerWith(withPinFile), folder)).toContainEqual(
      expect.stringContaining(
        'key_identifier: expected a PIN that only its owner and its group can read, got mode 0644; run: chmod 600 FILE',
      ),
    )
  })
})
