// Durations and sizes as people write them in the config ("30s", "1MiB"), turned into numbers once.

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
}

/** Shape of a duration, also the `pattern` of the JSON Schema: a number and a unit from ms, s, m, h, d. */
export const DURATION_PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
/** Shape of a size: a number and a unit from B, KiB, MiB, GiB. */
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/

/** `"1m"` → 60000. Undefined when the text is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  return scale(text, DURATION_PATTERN, MS_PER_UNIT)
}

/** `"1MiB"` → 1048576. Undefined when the text is not a size. */
export function parseSizeBytes(text: string): number | undefined {
  return scale(text, SIZE_PATTERN, BYTES_PER_UNIT)
}

function scale(
  text: string,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const factor = units[match[2] ?? '']
  if (factor === undefined) return undefined
  return Math.round(Number(match[1]) * factor)
}
