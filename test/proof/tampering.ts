// Every way in which a sealed text can be changed by somebody who does not have the key.

/** Every byte changed, left out from there on, and more than was there; in the one spelling that is read, and others. */
export function* changesOf(value: string): Generator<readonly [how: string, changed: string]> {
  const bytes = Buffer.from(value, 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    yield [`byte ${at} flipped`, flipped.toString('base64url')]
    yield [`cut before byte ${at}`, bytes.subarray(0, at).toString('base64url')]
    yield [`begun at byte ${at + 1}`, bytes.subarray(at + 1).toString('base64url')]
  }
  for (let at = 0; at < value.length; at++) {
    const other = value[at] === 'A' ? 'B' : 'A'
    yield [`character ${at} replaced`, value.slice(0, at) + other + value.slice(at + 1)]
    yield [`character ${at} in another case`, swapCase(value, at)]
  }
  for (let byte = 0; byte < 256; byte++) {
    yield [`${byte} added`, Buffer.concat([bytes, Buffer.of(byte)]).toString('base64url')]
    yield [`${byte} put first`, Buffer.concat([Buffer.of(byte), bytes]).toString('base64url')]
  }
  yield ['twice', value + value]
  yield ['padded', `${value}=`]
  yield ['in the other alphabet', `${value.replaceAll('-', '+').replaceAll('_', '/')}+`]
  yield ['in hexadecimal', bytes.toString('hex')]
}

function swapCase(value: string, at: number): string {
  const letter = value[at] ?? ''
  const isLower = letter === letter.toLowerCase()
  return (
    value.slice(0, at) +
    (isLower ? letter.toUpperCase() : letter.toLowerCase()) +
    value.slice(at + 1)
  )
}
