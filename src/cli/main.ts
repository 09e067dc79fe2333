// Runs one command line and says with which code the process ends. Entered by bin.ts once the runtime is known to be fit.
import { CommanderError } from 'commander'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { complain, reportFailure, tolerateClosedPipes, whenPrinted } from './output.ts'
import { type Commands, createProgram } from './program.ts'

/** Each loads what it needs when it runs, so that `--help` and `config show` do not wait for the gateway's parts. */
const commands: Commands = {
  serve: async (flags) => (await import('./serve.ts')).serve(flags),
  check: async (flags) => (await import('./check.ts')).check(flags),
  configShow: async (flags) => (await import('./config-show.ts')).configShow(flags),
  configSchema: async () => (await import('./config-show.ts')).configSchema(),
  certs: async (call) => (await import('./certs/run.ts')).runCerts(call),
}

/** `args` are those after the program's name. Never rejects. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  tolerateClosedPipes()
  const code = await run(args)
  await whenPrinted()
  return code
}

async function run(args: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exitCodes.clean
  const program = createProgram(commands, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return explainUsage(error)
    reportFailure(
      `unexpected failure: ${error instanceof Error ? error.message : typeof error}; please report it, with what --verbose adds`,
      error,
      args.includes('--verbose'),
    )
    return exitCodes.unexpected
  }
}

function explainUsage(error: CommanderError): ExitCode {
  if (error.exitCode === 0) return exitCodes.clean
  // Without a command, the help was printed and says it all.
  if (error.code === 'commander.help') return exitCodes.usage
  const problem = error.message
    .replace(/^error: /, '')
    .replace('\n(Did you mean', ' (did you mean')
    .replace(/\.$/, '')
  complain(`sallyport: ${problem}; see sallyport --help`)
  return exitCodes.usage
}
