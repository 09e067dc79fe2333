// docs/reference/cli.md from the command tree and the table of exit codes.
import type { Argument, Command } from 'commander'
import { exitCodeMeanings, exitCodes } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { code, page, table } from './markdown.ts'

export function cliPage(): string {
  const never = (): Promise<never> => Promise.reject(new Error('no command runs here'))
  const program = createProgram(
    { serve: never, check: never, configShow: never, configSchema: never, certs: never },
    () => {},
  )
  return page(
    '# Command line',
    program.description(),
    ...describe(program, program.name()),
    '## Exit codes',
    table(
      ['Code', 'Meaning'],
      Object.entries(exitCodes).map(([name, number]) => [
        String(number),
        exitCodeMeanings[name as keyof typeof exitCodes],
      ]),
    ),
    'What the program has to say goes to standard output, everything else to standard error, one line each: what was expected, what came, and the mend. `--verbose` adds what caused an error. The log of `serve` goes to standard error as well, as JSON.',
  )
}

function describe(command: Command, name: string): string[] {
  const subcommands = command.commands.filter((each) => each.name() !== 'help')
  const options = command.createHelp().visibleOptions(command)
  const rows = options.map(
    ({ flags, description, defaultValue, defaultValueDescription, argChoices }) => [
      code(flags),
      sentence(
        argChoices === undefined
          ? description
          : `${description}: ${argChoices.map(code).join(', ')}`,
      ),
      defaultValue === undefined ? '' : code(defaultValueDescription ?? String(defaultValue)),
    ],
  )
  const takes = command.registeredArguments.map((argument) => code(humanReadableArgument(argument)))
  const own = [
    `## ${code(name)}`,
    ...(command.parent === null ? [] : [command.description()]),
    ...(takes.length === 0 ? [] : [`Takes ${takes.join(' ')}.`]),
    table(['Option', 'Meaning', 'Default'], rows),
  ]
  return [...own, ...subcommands.flatMap((each) => describe(each, `${name} ${each.name()}`))]
}

/** As commander shows it in the usage line: `<name>`, `[certificate...]`. */
function humanReadableArgument(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
