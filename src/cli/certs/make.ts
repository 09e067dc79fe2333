// `sallyport certs ca`, `gateway`, `plugin`, `server` and `client`: make one certificate, and the authority if there is none.
import { X509Certificate } from 'node:crypto'
import {
  authorityFiles,
  type CertificateAndKey,
  ensureAuthority,
  issueAt,
  type Issued,
  type LeafPlace,
  namesOf,
  type PairFiles,
  placeOf,
  type Role,
  type SubjectName,
  unique,
} from '../../certs/index.ts'
import { DEFAULT_CERT_DAYS } from '../../certs/options.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { complain, print } from '../output.ts'
import type { CertsCall, CertsFlags } from './definition.ts'
import { showKeyProgress } from './progress.ts'
import { daysOf, extraNames, readPassword } from './settings.ts'

export async function make({ command, args, flags }: CertsCall): Promise<ExitCode> {
  if (command === 'ca') {
    await makeAuthority(flags)
    return exitCodes.clean
  }
  const place = placeOf(flags.dir, command as Role, args[0])
  // Before anything is made: a wrong name or password should leave no authority behind.
  const names = extraNames(flags)
  readPassword(flags, 'password')
  readPassword(flags, 'p12Password')
  const authority = await makeAuthority(flags)
  await makeAt(place, { authority, flags, names })
  return exitCodes.clean
}

/** The authority, which is told about only when it is new or asked for. */
export async function makeAuthority(
  flags: CertsFlags,
  tellAnyway = true,
): Promise<CertificateAndKey> {
  const { dir, keyType } = flags
  const { label, folder, certFile, keyFile } = authorityFiles(dir)
  const { authority, made } = await ensureAuthority({
    dir,
    keyType,
    days: daysOf(flags) ?? DEFAULT_CERT_DAYS,
    password: readPassword(flags, 'caPassword'),
    aroundKey: showKeyProgress(label),
  })
  if (made || tellAnyway) {
    print(`${label}:`)
    if (made) print(`   Written: ${certFile}, ${keyFile}`)
    else print(`   Exists: ${certFile} (left as it is; for a new one, delete ${folder} first)`)
    print(`   Expires: ${new X509Certificate(authority.certPem).validTo}`)
  }
  return authority
}

export interface Making {
  readonly authority: CertificateAndKey
  readonly flags: CertsFlags
  /** Besides those that the place suggests. */
  readonly names: readonly SubjectName[]
}

export async function makeAt(place: LeafPlace, { authority, flags, names }: Making): Promise<void> {
  const own = namesOf(place)
  const all = unique([...own.names, ...names])
  const issued = await issueAt({
    ...making(flags, place),
    authority,
    folder: place.folder,
    purpose: place.purpose,
    commonName: place.name,
    names: all,
    passwords: { key: readPassword(flags, 'password'), pfx: readPassword(flags, 'p12Password') },
  })
  if (issued.state === 'made') warnAboutNames(place, own.unfit, all)
  tell(place, issued)
  if (issued.state === 'made') warnAboutLife(place, issued, daysOf(flags))
}

/** What every certificate of a run has in common. */
export function making(flags: CertsFlags, files: PairFiles) {
  return {
    dir: flags.dir,
    files,
    days: daysOf(flags) ?? DEFAULT_CERT_DAYS,
    keyType: flags.keyType,
    aroundKey: showKeyProgress(files.label),
  }
}

export function tell(files: PairFiles, { state, certificate }: Issued): void {
  const { label, certFile, keyFile, pfxFile } = files
  print(`${label}:`)
  if (state === 'made') print(`   Written: ${certFile}, ${keyFile}`)
  else
    print(`   Exists: ${certFile} (left as it is; renew it, or delete it with its key for another)`)
  if (state === 'added') print(`   Added: ${pfxFile}`)
  if (certificate.subjectAltName !== undefined) print(`   Names: ${certificate.subjectAltName}`)
  print(`   Expires: ${certificate.validTo}`)
}

function warnAboutNames(
  { label, purpose }: LeafPlace,
  unfit: readonly string[],
  names: readonly SubjectName[],
): void {
  if (unfit.length === 0) return
  const left = unfit.map((each) => JSON.stringify(each)).join(' and ')
  const has =
    names.length === 0 ? 'no name but its subject' : names.map(({ value }) => value).join(', ')
  const mend = purpose === 'server' ? 'what clients connect to' : 'what it is to be known by'
  complain(
    `warning: ${label}: no DNS name is written like ${left}, so the certificate has ${has}; add ${mend} with --san`,
  )
}

const DAY_MS = 24 * 60 * 60_000

function warnAboutLife(
  { label }: PairFiles,
  { certificate }: Issued,
  days = DEFAULT_CERT_DAYS,
): void {
  const { validFrom, validTo } = certificate
  const lifeDays = (Date.parse(validTo) - Date.parse(validFrom)) / DAY_MS
  // Made on the same day as its authority, it ends some moments early, which is nobody's worry.
  if (lifeDays >= days - 1) return
  complain(
    `warning: ${label}: ends with its authority, after ${Math.floor(lifeDays)} days and not ${days}; renew that first: sallyport certs renew ca`,
  )
}
