// `sallyport certs inspect`: what is in a file, in words.
import { parseCertificateFile, type ParsedFile } from '../../certs/index.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { print } from '../output.ts'
import type { CertsCall } from './definition.ts'
import { opensslDate } from './openssl-date.ts'
import { readPassword } from './settings.ts'

type Certificate = ParsedFile['certificates'][number]
type Key = ParsedFile['keys'][number]
type List = ParsedFile['lists'][number]
type Lines = readonly (readonly [title: string, value: string])[]

export async function inspect({ args, flags }: CertsCall): Promise<ExitCode> {
  const [file = ''] = args
  const parsed = await parseCertificateFile(file, readPassword(flags, 'password'))
  if (flags.json === true) {
    print(JSON.stringify({ file, ...parsed }, undefined, 2))
    return exitCodes.clean
  }
  for (const certificate of parsed.certificates) tell('Certificate', ofCertificate(certificate))
  for (const key of parsed.keys) tell('Private key', ofKey(key))
  for (const list of parsed.lists) tell('Revocation list', ofList(list))
  return exitCodes.clean
}

function tell(title: string, lines: Lines): void {
  print(`${title}:`)
  for (const [name, value] of lines) print(`   ${name}: ${value}`)
}

const listed = (values: readonly string[]): string => values.join(', ') || 'none'

function ofCertificate(certificate: Certificate): Lines {
  return [
    ['Subject', certificate.subject],
    ['Issuer', certificate.issuer],
    ['Serial number', certificate.serialNumber],
    ['Valid from', opensslDate(certificate.notBefore)],
    ['Expires', opensslDate(certificate.notAfter)],
    ['Names', listed(certificate.names)],
    ['Authority', certificate.isAuthority ? 'yes' : 'no'],
    ['Key', certificate.key],
    ['Signature', certificate.signature],
    ['Version', String(certificate.version)],
    ['Key usage', listed(certificate.keyUsage)],
    ['Extended key usage', listed(certificate.extendedKeyUsage)],
    ['Subject key identifier', certificate.subjectKeyIdentifier ?? 'none'],
    ['Authority key identifier', certificate.authorityKeyIdentifier ?? 'none'],
    ['Fingerprint (SHA-256)', certificate.fingerprint],
    ['Pin of this certificate', certificate.certificatePin],
    ['Pin of its key', certificate.keyPin],
  ]
}

function ofKey({ key, isEncrypted, keyPin }: Key): Lines {
  return [
    ['Key', key ?? 'unknown without its password'],
    ['Encrypted', isEncrypted ? 'yes' : 'no'],
    ...(keyPin === undefined ? [] : [['Pin of its key', keyPin] as const]),
  ]
}

function ofList({ issuer, number, thisUpdate, nextUpdate, revoked }: List): Lines {
  return [
    ['Issuer', issuer],
    ['Number', String(number ?? 'none')],
    ['Made', opensslDate(thisUpdate)],
    ['Next due', nextUpdate === undefined ? 'not said' : opensslDate(nextUpdate)],
    ['Revoked', String(revoked.length)],
    ...revoked.map(
      ({ serialNumber, revokedAt, reason }) =>
        [serialNumber, `${opensslDate(revokedAt)}, ${reason}`] as const,
    ),
  ]
}
