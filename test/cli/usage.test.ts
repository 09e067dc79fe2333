import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from './run-cli.ts'

const COMMANDS = [[], ['serve'], ['check'], ['config'], ['config', 'show'], ['config', 'schema']]

describe('the command line', () => {
  it('prints the version of the package', async () => {
    const file = resolve(import.meta.dirname, '../../package.json')
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    expect(await runCli(['--version'])).toMatchObject({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    })
  })

  it.each(COMMANDS)('answers --help: sallyport %s %s', async (...command) => {
    const { code, stdout, stderr } = await runCli([...command, '--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Usage: ${['sallyport', ...command].join(' ')} [options]`)
  })

  it('tells the exit codes in its help', async () => {
    const { stdout } = await runCli(['--help'])
    const codes = [...stdout.matchAll(/^ {2}(\d+) /gm)].map(([, number]) => Number(number))
    expect(codes).toEqual([0, 1, 2, 69, 77, 78, 130, 143])
  })

  it.each([
    ['serv', "unknown command 'serv' (did you mean serve?)"],
    ['--verison', "unknown option '--verison' (did you mean --version?)"],
    ['serve --confg x', "unknown option '--confg' (did you mean --config?)"],
    ['check --conect', "unknown option '--conect' (did you mean --connect?)"],
    ['config shw', "unknown command 'shw' (did you mean show?)"],
    ['config schema -c x', "unknown option '-c'"],
    ['serve -c', "option '-c, --config <file>' argument missing"],
    ['check one.yaml', "too many arguments for 'check'. Expected 0 arguments but got 1: one.yaml"],
  ])('refuses in one line: sallyport %s', async (line, problem) => {
    expect(await runCli(line.split(' '))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `sallyport: ${problem}; see sallyport --help\n`,
    })
  })

  it.each([[[]], [['config']]])(
    'prints its help as an error without a command: %j',
    async (args) => {
      const { code, stdout, stderr } = await runCli(args)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/^Usage: sallyport/)
    },
  )
})
