// SIGHUP against a real process, with and without a terminal.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makePair } from '../config/config-file.ts'
import { hasTool } from '../support/programs.ts'
import { until } from '../support/servers.ts'
import { BIN, configFor, folderWith, startCli } from './run-cli.ts'

const NOWHERE = 'http://127.0.0.1:1/mcp'
const WITH_TLS = configFor(NOWHERE, 'log: {level: info}\n').replace(
  '0"}',
  '0", tls: {cert_file: a.crt, key_file: a.key}}',
)

async function serialAt(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

describe('SIGHUP', () => {
  it('has the files read anew and the process go on', async () => {
    const cwd = folderWith({ 'sallyport.yaml': WITH_TLS })
    makePair(cwd, 'a')
    makePair(cwd, 'b')
    const { child, line, ended } = startCli(['serve'], { cwd })
    const [, port] = await line(/^listening on https:\/\/127\.0\.0\.1:(\d+)$/m)
    const before = await serialAt(Number(port))
    copyFileSync(join(cwd, 'b.key'), join(cwd, 'a.key'))
    copyFileSync(join(cwd, 'b.crt'), join(cwd, 'a.crt'))
    child.kill('SIGHUP')
    await line(/reading certificates, keys and authorities anew/)
    await until(async () => (await serialAt(Number(port))) !== before, 'the new certificate')
    expect(child.exitCode).toBeNull()
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, signal: null })
  })

  it('tells in the log what cannot be used, and serves on with what was good', async () => {
    const cwd = folderWith({ 'sallyport.yaml': WITH_TLS })
    makePair(cwd, 'a')
    const { child, line, ended } = startCli(['serve'], { cwd })
    const [, port] = await line(/^listening on https:\/\/127\.0\.0\.1:(\d+)$/m)
    const before = await serialAt(Number(port))
    writeFileSync(join(cwd, 'a.key'), 'not a key')
    child.kill('SIGHUP')
    await line(/"error":"TLS_MATERIAL .*a\.key.*not reloaded, what was good stays in use/)
    expect(await serialAt(Number(port))).toBe(before)
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, signal: null })
  })
})

/** Opens a terminal, runs the command in it, and closes the terminal when a line comes on standard input. */
const IN_A_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while b'listening on' not in seen:
    seen += os.read(terminal, 1024)
print(pid, flush=True)
sys.stdin.readline()
os.close(terminal)
_, status = os.waitpid(pid, 0)
print('ended with', os.waitstatus_to_exitcode(status), flush=True)
`

describe.skipIf(!hasTool('python3'))('a terminal that is closed', () => {
  it('ends the gateway that was started in it, in good order', async () => {
    const cwd = folderWith({ 'sallyport.yaml': configFor(NOWHERE) })
    const command = ['-c', IN_A_TERMINAL, process.execPath, BIN, 'serve']
    const terminal = spawn('python3', command, { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    onTestFinished(() => void terminal.kill('SIGKILL'))
    await until(() => /^\d+$/m.test(output), 'the gateway to listen')
    const pid = Number(/^\d+$/m.exec(output)?.[0])
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Ended, as it has to.
      }
    })
    terminal.stdin.write('\n')
    await until(() => output.includes('ended with'), 'the end')
    expect(output).toContain('ended with 0\n')
  })
})
