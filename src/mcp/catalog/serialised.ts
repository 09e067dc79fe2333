// The JSON text of long lists that many answers have in common, made once per list and not once per answer.
import type { JsonObject } from '../../wire/index.ts'

/** Where a shared list keeps its text; no member that JSON or a copy would take along. */
const TEXT = Symbol('json text')

interface SharedList extends ReadonlyArray<unknown> {
  readonly [TEXT]: { json: string | undefined }
}

/** Says that a list will be in many answers and never change. Its text is made when it is first asked for. */
export function shareText<T extends readonly unknown[]>(list: T): T {
  return Object.defineProperty(list, TEXT, { value: { json: undefined } })
}

/** As JSON.stringify, with the texts of the shared lists that are members of the result. */
export function stringifyResult(result: JsonObject): string {
  const members: string[] = []
  for (const name in result) {
    const value = result[name]
    const text = isShared(value) ? textOf(value) : JSON.stringify(value)
    // What JSON cannot say is left out, as JSON.stringify does.
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`)
  }
  return `{${members.join(',')}}`
}

function isShared(value: unknown): value is SharedList {
  return Array.isArray(value) && TEXT in value
}

function textOf(list: SharedList): string {
  return (list[TEXT].json ??= JSON.stringify(list))
}
