// The command line as a tree: which commands there are and what they take. docs/reference/cli.md is generated from it, and
// what the commands do is in a file each.
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import type { GatewayOptions } from '../gateway/index.ts'
import { type CertsCall, defineCerts } from './certs/definition.ts'
import { exitCodeMeanings, exitCodes, type ExitCode } from './exit-codes.ts'

const DEFAULT_FILE = 'sallyport.yaml'

export interface ConfigFlags {
  readonly config: string
  readonly verbose?: boolean
}

type LogLevel = GatewayOptions['log']['level']

export interface ServeFlags extends ConfigFlags {
  readonly logLevel?: LogLevel
}

export interface CheckFlags extends ConfigFlags {
  readonly connect?: boolean
}

type Run<Flags> = (flags: Flags) => Promise<ExitCode>

export interface Commands {
  readonly serve: Run<ServeFlags>
  readonly check: Run<CheckFlags>
  readonly configShow: Run<ConfigFlags>
  readonly configSchema: Run<Record<string, never>>
  readonly certs: Run<CertsCall>
}

/** `onDone` gets the exit code of the command that ran. */
export function createProgram(commands: Commands, onDone: (code: ExitCode) => void): Command {
  const runs =
    <Flags>(run: Run<Flags>) =>
    async (_: unknown, command: Command): Promise<void> => {
      onDone(await run(command.optsWithGlobals() as Flags))
    }
  const program = new Command('sallyport')
    .description('One HTTPS gateway in front of MCP servers.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print what a command takes')
    .addOption(verboseOption())
    .exitOverride()
    // Errors are told in one line by main.ts.
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', () => `\nExit codes:\n${formatExitCodes()}`)
  program
    .command('serve')
    .description('Run the gateway until SIGTERM or SIGINT; a second signal cuts what is under way.')
    .addOption(configOption())
    .addOption(logLevelOption())
    .addOption(verboseOption())
    .action(runs(commands.serve))
  program
    .command('check')
    .description('Say whether the configuration is valid, with all its faults, and change nothing.')
    .addOption(configOption())
    .option('--connect', 'also look whether every endpoint can be reached (starts stdio servers)')
    .addOption(verboseOption())
    .action(runs(commands.check))
  const config = program.command('config').description('Look at the configuration.')
  config
    .command('show')
    .description('Print the effective configuration as YAML, secrets hidden.')
    .addOption(configOption())
    .addOption(verboseOption())
    .action(runs(commands.configShow))
  config
    .command('schema')
    .description('Print the JSON Schema of the configuration, for editors.')
    .action(runs(commands.configSchema))
  defineCerts(program.command('certs'), async (call) => onDone(await commands.certs(call)))
  return program
}

function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration file').default(DEFAULT_FILE)
}

function logLevelOption(): Option {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
  return new Option(
    '--log-level <level>',
    'least serious level to log, whatever log.level says',
  ).choices(levels)
}

function verboseOption(): Option {
  return new Option('--verbose', 'say what caused an error')
}

function formatExitCodes(): string {
  return Object.entries(exitCodes)
    .map(
      ([name, code]) =>
        `  ${String(code).padEnd(4)} ${exitCodeMeanings[name as keyof typeof exitCodes]}`,
    )
    .join('\n')
}

/** Stands two folders up in the source and in the package alike. */
function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
