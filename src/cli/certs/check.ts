// `sallyport certs check`: how long every certificate lasts, as a table or as JSON.
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import {
  authorityFiles,
  CertificateError,
  survey,
  type SurveyedCertificate,
} from '../../certs/index.ts'
import { DEFAULT_TREE } from '../../certs/options.ts'
import { readCertificateUses } from '../../config/index.ts'
import { belowThreshold, type ExitCode, exitCodes } from '../exit-codes.ts'
import { print } from '../output.ts'
import type { CertsCall, CertsFlags } from './definition.ts'
import { tellFaults } from './faults.ts'
import { opensslDate } from './openssl-date.ts'

const DAY_MS = 24 * 60 * 60_000

export async function check({ flags }: CertsCall): Promise<ExitCode> {
  const { config, within: withinMs = 0 } = flags
  const uses = config === undefined ? undefined : readCertificateUses({ file: config })
  if (uses?.ok === false) {
    tellFaults(config ?? '', uses.faults)
    return exitCodes.config
  }
  const used = (uses?.files ?? []).map(({ path, ...use }) => ({ label: path, ...use }))
  const found = await survey({ dir: treeOf(flags), used, withinMs })
  const isFine = found.every(({ standing }) => standing === 'ok')
  if (flags.json === true) print(toJson(found, withinMs, isFine))
  else tell(found)
  return isFine ? exitCodes.clean : belowThreshold
}

/** A configuration alone is enough to look at, unless a tree was asked for. */
function treeOf({ dir, config }: CertsFlags): string | undefined {
  const { certFile } = authorityFiles(dir)
  if (existsSync(dir)) return dir
  if (config !== undefined && dir === DEFAULT_TREE) return undefined
  const message = `${certFile}: expected an authority, got no such file; make certificates with: sallyport certs all, or name their tree with --dir`
  throw new CertificateError('files', message)
}

function tell(found: readonly SurveyedCertificate[]): void {
  print('Checking MCP certificate expiry dates...')
  print('')
  const rows = found.map(({ label, file, standing, notAfter, daysLeft }) => [
    label,
    notAfter === undefined ? '-' : opensslDate(notAfter),
    daysLeft === undefined ? '-' : `${daysLeft} d`,
    standing,
    shorter(file),
  ])
  const head = ['Certificate', 'Expires', 'Left', 'State', 'File']
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  for (const row of [head, ...rows]) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
    print(line.trimEnd())
  }
  for (const { label, reason } of found) {
    if (reason !== undefined) print(`${label}: ${reason}`)
  }
}

function shorter(file: string): string {
  const near = relative('', file)
  return near.startsWith('..') ? file : near
}

function toJson(found: readonly SurveyedCertificate[], withinMs: number, isFine: boolean): string {
  const certificates = found.map(({ label, notBefore, notAfter, ...rest }) => ({
    name: label,
    ...rest,
    ...(notBefore && { notBefore: notBefore.toISOString() }),
    ...(notAfter && { notAfter: notAfter.toISOString() }),
  }))
  return JSON.stringify(
    { ok: isFine, thresholdDays: withinMs / DAY_MS, certificates },
    undefined,
    2,
  )
}
