// Whether the certificates and keys of the listeners can be used at all, so that a wrong path is a fault with a line and
// not a failure at start. What is looked at is tls's business.
import { readMaterial } from '../tls/index.ts'
import type { Finding } from './cross-checks.ts'
import type { Draft } from './draft.ts'

type ResolvePath = (written: string) => string

export function checkTlsFiles(
  draft: Draft,
  resolvePath: ResolvePath,
  nowMs: number,
): readonly Finding[] {
  return draft.tls.flatMap(({ index, value: tls }) => {
    const files = { certFile: resolvePath(tls.cert_file), keyFile: resolvePath(tls.key_file) }
    const reading = readMaterial(files, nowMs)
    if (reading.ok) return []
    return reading.problems.map(({ of, expected, got, mend }) => {
      const key = of === 'certificate' ? 'cert_file' : 'key_file'
      return { path: ['listeners', index, 'tls', key], expected, got, mend }
    })
  })
}
