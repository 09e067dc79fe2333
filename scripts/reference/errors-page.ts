// docs/reference/errors.md from the error table.
import { errorTable, type ErrorRow } from '../../src/core/index.ts'
import { code, page, table } from './markdown.ts'

export function errorsPage(): string {
  const rows = Object.entries<ErrorRow>(errorTable)
  return page(
    '# Errors',
    'Every answer of the gateway itself that is an error carries a code, in `error.data.code` of the JSON-RPC body and in the log line with the same request id. Codes are stable: match on them, not on messages.',
    table(
      ['Code', 'Status', 'JSON-RPC', 'Caused by', 'Send it again', 'Log level'],
      rows.map(([name, { status, rpcCode, source, retry, level }]) => [
        `[${code(name)}](#${name.toLowerCase()})`,
        String(status),
        String(rpcCode),
        source,
        retry,
        level,
      ]),
    ),
    '"Send it again" is `safe` when the request provably never took effect, `if-unsent` when that depends on whether it left, and `never` when it may have run or would fail again.',
    ...rows.map(([name, { meaning }]) => `## ${name}\n\n${meaning}`),
  )
}
