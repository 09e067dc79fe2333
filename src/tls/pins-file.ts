// Pins in a file of their own, so that they can change while the gateway runs.
import { failed, type Reading, readMaterialFile } from './material.ts'
import { parsePin, type Pin, PRINT_A_PIN } from './pins.ts'

export interface PinsFile {
  readonly file: string
  readonly pins: readonly Pin[]
}

/**
 * One `sha256:` pin to a line; empty lines and what follows a `#` mean nothing. A file without pins is refused, for it
 * would let every certificate pass.
 */
export function readPins(file: string): Reading<PinsFile> {
  const what = { of: 'pins', file } as const
  const mend = PRINT_A_PIN
  const bytes = readMaterialFile(file, { ...what, expected: 'a file with pins' })
  if (!bytes.ok) return bytes
  const pins: Pin[] = []
  for (const [place, line] of bytes.value.toString('utf8').split('\n').entries()) {
    const written = line.replace(/#.*/, '').trim()
    if (written === '') continue
    const pin = parsePin(written)
    if (pin?.algorithm !== 'sha256') {
      const expected = `a pin in line ${place + 1}: sha256: and the digest in hex or base64`
      return failed({ ...what, expected, got: 'something else', mend })
    }
    pins.push(pin)
  }
  if (pins.length > 0) return { ok: true, value: { file, pins } }
  return failed({ ...what, expected: 'at least one pin', got: `${file}, which holds none`, mend })
}
