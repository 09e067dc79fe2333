// `sallyport certs` as a tree of commands: what there is and what it takes. What the commands do is in a file each, which
// run.ts loads.
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  DEFAULT_CERT_DAYS,
  DEFAULT_CRL_DAYS,
  DEFAULT_KEY_TYPE,
  DEFAULT_TREE,
  type KeyType,
  keyTypes,
  type RevocationReason,
  revocationReasons,
} from '../../certs/options.ts'
import { parseDurationMs } from '../../core/index.ts'

export type CertsCommand =
  | 'ca'
  | 'gateway'
  | 'plugin'
  | 'server'
  | 'client'
  | 'all'
  | 'check'
  | 'inspect'
  | 'revoke'
  | 'crl'
  | 'renew'

/** The flags of all commands; each has those that it lists. */
export interface CertsFlags {
  readonly dir: string
  readonly verbose?: boolean
  readonly days?: number
  readonly keyType: KeyType
  readonly san: readonly string[]
  readonly ip: readonly string[]
  readonly passwordFile?: string
  readonly passwordEnv?: string
  readonly caPasswordFile?: string
  readonly caPasswordEnv?: string
  readonly p12PasswordFile?: string
  readonly p12PasswordEnv?: string
  readonly pluginConfig?: string
  readonly config?: string
  readonly within?: number
  readonly json?: boolean
  readonly reason: RevocationReason
  readonly crlDays: number
  readonly keepKey?: boolean
}

export interface CertsCall {
  readonly command: CertsCommand
  readonly args: readonly string[]
  readonly flags: CertsFlags
}

export const DEFAULT_WITHIN = '30d'
const MOST_DAYS = 36_500

/** Puts the commands below `certs`, which has the settings of the program already, for them to inherit. */
export function defineCerts(certs: Command, run: (call: CertsCall) => Promise<void>): void {
  certs.description('Make certificates for TLS on every hop, and look after them.')
  /** The name comes first, then what stands in for an argument. */
  const add = (usage: string, description: string, options: readonly Option[]): void => {
    const command = certs.command(usage).description(description)
    for (const option of [...options, flag('--verbose', 'say what caused an error')]) {
      command.addOption(option)
    }
    command.action(async () => {
      const flags = command.optsWithGlobals<CertsFlags>()
      const args = command.processedArgs.flat().filter((arg) => arg !== undefined) as string[]
      await run({ command: command.name() as CertsCommand, args, flags })
    })
  }
  addMaking(add)
  addKeeping(add)
}

type Add = (usage: string, description: string, options: readonly Option[]) => void

function addMaking(add: Add): void {
  const making = [dir(), days(), keyType(), ...passwords('ca-', "the authority's key")]
  const leaf = [
    ...making,
    ...passwords('', 'the private key, which is written encrypted,'),
    ...passwords('p12-', 'a PKCS#12 file, which is written too,'),
  ]
  const named = [...leaf, many('--san <name>', 'another name: DNS name, URI or e-mail address')]
  named.push(many('--ip <address>', 'another name: an IP address'))
  add('ca', 'Make the certificate authority. One that is there is left as it is.', making)
  add('gateway', 'Make the client certificate by which the gateway is known to servers.', named)
  add('plugin <name>', 'Make the server certificate of a plugin.', named)
  add('server <name>', 'Make the certificate of a server, such as a listener.', named)
  add('client <name>', 'Make the certificate of a client.', named)
  add('all', 'Make whatever a plugin list and a configuration need and that is not there.', [
    ...making,
    ...passwords('', 'the private keys, which are written encrypted,'),
    value(
      '--plugin-config <file>',
      'list of plugins (default: $MCP_PLUGIN_CONFIG, else plugins/external/config.yaml)',
    ),
    value('-c, --config <file>', 'configuration (default: sallyport.yaml, if it is there)'),
  ])
}

function addKeeping(add: Add): void {
  const ca = passwords('ca-', "the authority's key")
  add('check', 'Say how long every certificate lasts; exit 1 when one ends soon or is over.', [
    dir(),
    value('-c, --config <file>', 'also look at every certificate that this configuration uses'),
    within().default(parseDurationMs(DEFAULT_WITHIN), DEFAULT_WITHIN),
    flag('--json', 'print JSON'),
  ])
  add('inspect <file>', 'Say what is in a file: certificates, keys, revocation lists.', [
    ...passwords('', 'an encrypted key or a PKCS#12 file'),
    flag('--json', 'print JSON'),
  ])
  const reason = value('--reason <reason>', 'why')
  add('revoke <certificate>', 'Take back a certificate, named by its file or its serial number.', [
    dir(),
    reason.choices(Object.keys(revocationReasons)).default('unspecified'),
    crlDays(),
    ...ca,
  ])
  add('crl', 'Write the list of revoked certificates anew.', [dir(), crlDays(), ...ca])
  add(
    'renew [certificate...]',
    'Issue certificates anew: ca, gateway, plugin/NAME, server/NAME, client/NAME, or a .crt file.',
    [
      dir(),
      within(),
      days('as many as it had'),
      flag('--keep-key', 'go on with the key that is there (the authority always does)'),
      ...ca,
      ...passwords('', 'the private key, if that is or is to be encrypted'),
      ...passwords('p12-', 'the PKCS#12 file'),
    ],
  )
}

const flag = (flags: string, description: string): Option => new Option(flags, description)
const value = flag

function many(flags: string, description: string): Option {
  return new Option(flags, `${description} (may be repeated)`)
    .default([], 'none')
    .argParser((each: string, all: readonly string[]) => [...all, each])
}

function dir(): Option {
  return new Option('--dir <folder>', 'tree of the certificates').default(DEFAULT_TREE)
}

function days(otherwise = String(DEFAULT_CERT_DAYS)): Option {
  return new Option(
    '--days <n>',
    `days that a certificate lasts (default: $MCP_CERT_DAYS, else ${otherwise})`,
  ).argParser(parseDays)
}

function crlDays(): Option {
  return new Option('--crl-days <n>', 'days until the next list is due')
    .default(DEFAULT_CRL_DAYS)
    .argParser(parseDays)
}

function parseDays(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= MOST_DAYS) return count
  throw new InvalidArgumentError(`Expected whole days from 1 to ${MOST_DAYS}`)
}

function within(): Option {
  return new Option(
    '--within <duration>',
    'how near its end a certificate is taken to be due, such as 30d or 12h',
  ).argParser((text) => {
    const ms = parseDurationMs(text)
    if (ms === undefined) throw new InvalidArgumentError('Expected a duration like 30d or 12h')
    return ms
  })
}

function keyType(): Option {
  return new Option('--key-type <type>', 'type of a new key')
    .choices(keyTypes)
    .default(DEFAULT_KEY_TYPE)
}

/** Never an argument: those are for everybody on the machine to read. */
function passwords(prefix: string, of: string): readonly Option[] {
  return [
    new Option(
      `--${prefix}password-file <file>`,
      `file whose first line is the password of ${of}`.replace(/,$/, ''),
    ),
    new Option(`--${prefix}password-env <name>`, 'environment variable that has it instead'),
  ]
}
