// Memory outside the JavaScript heap that is given back as soon as it is used up. What is left to the garbage collector
// counts towards the size at which it goes through the whole heap, so chunks of large messages make it do little else.

/** A smaller chunk is not worth the trouble. */
const MIN_BYTES = 8_192

/** Chunks that are known to be the only way to the memory behind them. */
const owners = new WeakSet<Uint8Array>()

/** Whether the memory behind some bytes holds nothing else, as it may for small buffers. */
export function isWholeMemory(bytes: Uint8Array): boolean {
  return bytes.byteLength === bytes.buffer.byteLength
}

/** Says that nobody else uses the memory behind a chunk, be it all of that or a part. */
export function markOwner(chunk: Uint8Array): void {
  if (chunk.length >= MIN_BYTES) owners.add(chunk)
}

/** Whether `freeMemory` would do anything. */
export function isOwner(chunk: Uint8Array): boolean {
  return chunk.length >= MIN_BYTES && owners.has(chunk)
}

/**
 * Gives back the memory of a chunk that was marked, which is empty from then on. Only for whoever has the last use of it,
 * and after that: the kernel must not be reading from it any more, so a write has to have called back, without an error.
 */
export function freeMemory(chunk: Uint8Array): void {
  if (owners.delete(chunk)) (chunk.buffer as ArrayBuffer).transfer(0)
}
