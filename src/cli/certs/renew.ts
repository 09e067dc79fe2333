// `sallyport certs renew`: by name, or all that is near its end.
import { resolve } from 'node:path'
import {
  authorityFiles,
  type CertificateAndKey,
  CertificateError,
  openAuthority,
  type PairFiles,
  pairsOf,
  placeOf,
  renewAuthorityFiles,
  type Renewed,
  renewLeafFiles,
  type Role,
  survey,
} from '../../certs/index.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { complain, print, reportFailure } from '../output.ts'
import type { CertsCall, CertsFlags } from './definition.ts'
import { showKeyProgress } from './progress.ts'
import { explainFailure } from './run.ts'
import { daysOf, readPassword } from './settings.ts'

type Target = 'ca' | PairFiles

export async function renew({ args, flags }: CertsCall): Promise<ExitCode> {
  const { within } = flags
  if ((args.length === 0) === (within === undefined)) {
    const got = within === undefined ? 'neither' : 'both'
    const message = `expected names of certificates or --within, got ${got}; write sallyport certs renew gateway, or sallyport certs renew --within 30d`
    throw new CertificateError('request', message)
  }
  const { dir } = flags
  const pairs = await pairsOf(dir)
  let authority = await openAuthority(dir, readPassword(flags, 'caPassword'))
  const named = args.map((arg) => find(arg, dir, pairs))
  const targets = within === undefined ? named : await findDue(dir, within, pairs)
  if (targets.length === 0) print('Nothing is near its end.')
  let code: ExitCode = exitCodes.clean
  // The authority first: nothing that it issues lasts longer than it does.
  for (const target of targets.toSorted((a, b) => Number(b === 'ca') - Number(a === 'ca'))) {
    try {
      if (target === 'ca') authority = await renewAuthority(authority, flags)
      else await renewLeaf(target, authority, flags)
    } catch (error) {
      const failure = explainFailure(error)
      if (failure === undefined) throw error
      // One that cannot be renewed does not keep the others from it.
      reportFailure(failure.reason, error, flags.verbose ?? false)
      if (code === exitCodes.clean) code = failure.exitCode
    }
  }
  return code
}

function find(written: string, dir: string, pairs: readonly PairFiles[]): Target {
  if (written === 'ca' || resolve(written) === resolve(authorityFiles(dir).certFile)) return 'ca'
  const [, role, name] = /^(gateway|plugin|server|client)(?:\/(.+))?$/.exec(written) ?? []
  const isNamed = role !== undefined && (role === 'gateway') === (name === undefined)
  const certFile = isNamed ? placeOf(dir, role as Role, name).certFile : written
  const found = pairs.find((pair) => resolve(pair.certFile) === resolve(certFile))
  if (found !== undefined) return found
  const message = `expected a certificate of this tree, got ${JSON.stringify(written)}; write ca, gateway, plugin/NAME, server/NAME, client/NAME or the path of a .crt file that sallyport certs check lists`
  throw new CertificateError('request', message)
}

async function findDue(
  dir: string,
  withinMs: number,
  pairs: readonly PairFiles[],
): Promise<readonly Target[]> {
  const { certFile } = authorityFiles(dir)
  const due: Target[] = []
  for (const { file, standing, label, daysLeft = 0 } of await survey({ dir, used: [], withinMs })) {
    const target = file === certFile ? 'ca' : pairs.find((pair) => pair.certFile === file)
    if (target === undefined) continue
    if (standing === 'expires soon' || standing === 'expired') due.push(target)
    // Who was taken back does not come back by itself.
    if (standing === 'revoked')
      complain(`${label}: revoked, so it is not renewed with the others (${daysLeft} days left)`)
    if (standing === 'unreadable') due.push(target)
  }
  return [...new Set(due)]
}

async function renewAuthority(authority: CertificateAndKey, flags: CertsFlags) {
  const { dir } = flags
  const days = daysOf(flags)
  const renewed = await renewAuthorityFiles({ dir, authority, days })
  const { label, certFile } = authorityFiles(dir)
  tell(label, certFile, renewed)
  print('   Key: the same, so every certificate it issued stays good under the old and the new one')
  print(
    `   Copies: those in the tree are replaced; bring ${certFile} to whoever else trusts it before the old one ends`,
  )
  return { ...authority, certPem: renewed.certPem }
}

async function renewLeaf(
  files: PairFiles,
  authority: CertificateAndKey,
  flags: CertsFlags,
): Promise<void> {
  const renewed = await renewLeafFiles({
    dir: flags.dir,
    files,
    authority,
    days: daysOf(flags),
    keepKey: flags.keepKey ?? false,
    passwords: { key: readPassword(flags, 'password'), pfx: readPassword(flags, 'p12Password') },
    aroundKey: showKeyProgress(files.label),
  })
  tell(files.label, files.certFile, renewed)
  const { oldSerial, isOldRevoked } = renewed
  if (isOldRevoked) return
  print(
    `   Replaced: ${oldSerial}, which is good until its end; to end it now: sallyport certs revoke ${oldSerial} --reason superseded`,
  )
}

function tell(
  label: string,
  certFile: string,
  { certificate }: Pick<Renewed, 'certificate'>,
): void {
  print(`${label}:`)
  print(`   Renewed: ${certFile}`)
  print(`   Expires: ${certificate.validTo}`)
}
