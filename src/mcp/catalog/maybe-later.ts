// Values that are mostly there at once: no promise is made, and no turn of the event loop lost, where nothing is waited for.

export type MaybeLater<T> = T | Promise<T>

export function whenThere<T, R>(
  value: MaybeLater<T>,
  go: (value: T) => MaybeLater<R>,
): MaybeLater<R> {
  return value instanceof Promise ? value.then(go) : go(value)
}
