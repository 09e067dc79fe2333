// Which answers a view of several servers has to look into.

/**
 * Without these no result names a resource or a task: they are the names of the members that do. An escape could spell
 * anything, so it counts as well.
 */
const TELLING = ['"resource', '"taskId"', '\\u'] as const

/** Whether a result, as text, may lead to a resource or a task. */
export function tells(text: string): boolean {
  return TELLING.some((it) => text.includes(it))
}
