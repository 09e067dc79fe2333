// `sallyport certs revoke` and `sallyport certs crl`.
import { openAuthority, publishCrl, revoke } from '../../certs/index.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { print } from '../output.ts'
import type { CertsCall } from './definition.ts'
import { opensslDate } from './openssl-date.ts'
import { readPassword } from './settings.ts'

const DAY_MS = 24 * 60 * 60_000

type Published = Awaited<ReturnType<typeof publishCrl>>

export async function revokeOne({ args, flags }: CertsCall): Promise<ExitCode> {
  const { dir, reason, crlDays } = flags
  const authority = await openAuthority(dir, readPassword(flags, 'caPassword'))
  const [what = ''] = args
  const crlValidForMs = crlDays * DAY_MS
  const { fact, isNew, crl } = await revoke({ dir, authority, what, reason, crlValidForMs })
  const since = isNew ? '' : ` before, on ${opensslDate(new Date(fact.revokedAt))}`
  print(`Revoked${since}: ${fact.serial} (${fact.reason})`)
  tell(crl)
  return exitCodes.clean
}

export async function writeCrl({ flags }: CertsCall): Promise<ExitCode> {
  const { dir, crlDays } = flags
  const authority = await openAuthority(dir, readPassword(flags, 'caPassword'))
  tell(await publishCrl({ dir, authority, validForMs: crlDays * DAY_MS }))
  return exitCodes.clean
}

function tell({ file, number, revoked, nextUpdate }: Published): void {
  print('Revocation List:')
  print(`   Written: ${file} (number ${number}, ${revoked} revoked)`)
  print(`   Next due: ${opensslDate(nextUpdate)}`)
}
