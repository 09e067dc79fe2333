// "Did you mean …": the nearest of some names, or none.

/** The candidate that a typing mistake may have turned into `written`. */
export function suggest(written: string, candidates: Iterable<string>): string | undefined {
  const from = normalise(written)
  let best: { name: string; distance: number } | undefined
  for (const name of candidates) {
    const distance = editDistance(from, normalise(name))
    if (distance <= Math.max(2, name.length / 3) && distance < (best?.distance ?? Infinity)) {
      best = { name, distance }
    }
  }
  if (best === undefined) return undefined
  // Two letters of three are not a likeness.
  return best.distance < Math.min(from.length, best.name.length) - 1 || best.distance <= 1
    ? best.name
    : undefined
}

/** `maxBodyBytes` and `max-body-bytes` are `max_body_bytes` in another habit. */
export function normalise(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const width = b.length + 1
  const at = (row: number, column: number): number => rows[row * width + column] ?? Infinity
  const rows = Array.from({ length: (a.length + 1) * width }, (_, index) =>
    index < width ? index : index % width === 0 ? index / width : 0,
  )
  for (let row = 1; row <= a.length; row += 1) {
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      rows[row * width + column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        row > 1 && column > 1 && isSwap ? at(row - 2, column - 2) + 1 : Infinity,
      )
    }
  }
  return at(a.length, b.length)
}
