// What a command gets from its flags together with the environment: days, names, passwords.
import { readFileSync, statSync } from 'node:fs'
import { CertificateError, parseSubjectName, type SubjectName } from '../../certs/index.ts'
import { formatFault, readCertsEnvironment, readVariable } from '../../config/index.ts'
import { complain } from '../output.ts'
import type { CertsFlags } from './definition.ts'

const MAX_PASSWORD_BYTES = 1024
const READABLE_BY_OTHERS = 0o077

/** Undefined: neither a flag nor the environment says. @throws CertificateError for a variable that holds no days. */
export function daysOf({ days }: CertsFlags): number | undefined {
  if (days !== undefined) return days
  const environment = readCertsEnvironment()
  if ('place' in environment) throw new CertificateError('files', formatFault(environment))
  return environment.days
}

/** `--ip` and `--san`, in this order. */
export function extraNames({ ip, san }: CertsFlags): readonly SubjectName[] {
  return [...ip.map((address) => parseSubjectName(`IP:${address}`)), ...san.map(parseSubjectName)]
}

export type PasswordOf = 'password' | 'caPassword' | 'p12Password'

const PREFIXES: Readonly<Record<PasswordOf, string>> = {
  password: '--password',
  caPassword: '--ca-password',
  p12Password: '--p12-password',
}

export function readPassword(flags: CertsFlags, of: PasswordOf): string | undefined {
  const [file, name] = [flags[`${of}File`], flags[`${of}Env`]]
  const flag = PREFIXES[of]
  if (file !== undefined && name !== undefined) {
    const message = `expected one of ${flag}-file and ${flag}-env, got both; leave one out`
    throw new CertificateError('request', message)
  }
  if (file !== undefined) return fromFile(file, `${flag}-file`)
  return name === undefined ? undefined : fromVariable(name, `${flag}-env`)
}

function fromFile(file: string, flag: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
    warnAboutReaders(file)
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    const message = `${flag} ${file}: expected a file with a password, got ${code}; correct the path or its permissions`
    throw new CertificateError('files', message, { cause: thrown })
  }
  const [password = ''] = text.split(/\r?\n/, 1)
  return checked(password, `${flag} ${file}`)
}

function warnAboutReaders(file: string): void {
  const stat = statSync(file)
  if (!stat.isFile() || (stat.mode & READABLE_BY_OTHERS) === 0) return
  complain(`warning: ${file}: others can read this password; run: chmod 600 ${file}`)
}

function fromVariable(name: string, flag: string): string {
  const password = readVariable(name)
  if (password !== undefined) return checked(password, `${flag} ${name}`)
  const message = `${flag} ${name}: expected an environment variable that holds a password, got none; set it`
  throw new CertificateError('files', message)
}

function checked(password: string, where: string): string {
  const bytes = Buffer.byteLength(password)
  if (bytes > 0 && bytes <= MAX_PASSWORD_BYTES) return password
  const got = bytes === 0 ? 'an empty one' : `one of ${bytes} bytes`
  const message = `${where}: expected a password of 1 to ${MAX_PASSWORD_BYTES} bytes, got ${got}; choose another`
  throw new CertificateError('files', message)
}
