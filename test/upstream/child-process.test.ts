import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import {
  Child,
  childEnvironment,
  MAX_STDERR_LINE_BYTES,
  type ChildCommand,
  type ChildEnd,
} from '../../src/upstream/child-process.ts'

const family = fileURLToPath(new URL('../fixtures/children/family.mjs', import.meta.url))

interface Setup extends Partial<ChildCommand> {
  readonly maxLineBytes?: number
  readonly stopTimeoutMs?: number
}

function startChild({ maxLineBytes = 1_000_000, stopTimeoutMs = 300, ...command }: Setup) {
  const lines: string[] = []
  const stderr: string[] = []
  const ended = Promise.withResolvers<ChildEnd>()
  const child = new Child({
    command: { command: process.execPath, args: [], env: {}, cwd: undefined, ...command },
    maxLineBytes,
    stopTimeoutMs,
    clock: systemClock,
    onLine: (line) => lines.push(line.toString('utf8')),
    onStderrLine: (line) => stderr.push(line),
    onEnd: ended.resolve,
  })
  onTestFinished(() => child.kill())
  return { child, lines, stderr, ended: ended.promise }
}

/** A child that runs this JavaScript. */
function startScript(script: string, setup: Setup = {}) {
  return startChild({ args: ['-e', script], ...setup })
}

/** Starts a child with a grandchild and tells both process ids. */
async function startFamily(...args: string[]) {
  const started = startChild({ args: [family, ...args] })
  await expect.poll(() => started.lines.length, { timeout: 5_000 }).toBe(1)
  const { pid, grandchild } = JSON.parse(started.lines[0] ?? '') as {
    pid: number
    grandchild: number
  }
  return { ...started, pid, grandchild }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

describe('a child', () => {
  it('gets lines on stdin and gives lines on stdout, in UTF-8', async () => {
    const { child, lines } = startScript('process.stdin.pipe(process.stdout)')
    expect(child.write(Buffer.from('{"é":"𝄞"}'))).toBe('written')
    expect(child.write(Buffer.from('x'.repeat(300_000)))).toBe('written')
    await expect
      .poll(() => lines.map(({ length }) => length))
      .toEqual(['{"é":"𝄞"}'.length, 300_000])
    expect(lines[0]).toBe('{"é":"𝄞"}')
  })

  it('is started in its folder without a shell', async () => {
    const { lines } = startScript('console.log(process.cwd(), process.argv[1])', {
      args: ['-e', 'console.log(process.cwd(), process.argv[1])', '$HOME;`id`'],
      cwd: '/',
    })
    await expect.poll(() => lines).toEqual(['/ $HOME;`id`'])
  })

  it('leads a process group of its own', async () => {
    const { child, lines } = startScript(
      "console.log(require('fs').readFileSync('/proc/self/stat', 'utf8').split(' ')[4]); process.stdin.resume()",
    )
    await expect.poll(() => lines).toEqual([String(child.pid)])
  })

  it('tells its exit code, after its last line', async () => {
    const { ended, lines } = startScript("process.stdout.write('last'); process.exitCode = 3")
    expect(await ended).toEqual({
      kind: 'exited',
      exitCode: 3,
      signal: undefined,
      fault: undefined,
    })
    expect(lines).toEqual(['last'])
  })

  it('tells the signal that ended it', async () => {
    const { ended } = startScript("process.kill(process.pid, 'SIGKILL')")
    expect(await ended).toMatchObject({ exitCode: undefined, signal: 'SIGKILL' })
  })

  it('takes nothing once it has ended', async () => {
    const { child, ended } = startScript('')
    await ended
    expect(child.write(Buffer.from('{}'))).toBe('closed')
    await child.stop()
  })

  it.each([
    ['a command that does not exist', { command: 'no-such-command-here' }, 'ENOENT'],
    ['a file that is not executable', { command: family }, 'EACCES'],
    ['a folder that does not exist', { cwd: '/no/such/folder' }, 'ENOENT'],
    ['an argument with a NUL byte', { args: ['\0'] }, 'ERR_INVALID_ARG_VALUE'],
  ])('is not started from %s', async (_what, setup, code) => {
    const { child, ended } = startChild(setup)
    expect(await ended).toMatchObject({ kind: 'not-started', error: { code } })
    expect(child.write(Buffer.from('{}'))).toBe('closed')
    await child.stop()
  })

  it('is ended for a line that is too long', async () => {
    const { ended, lines } = startScript(
      "process.stdout.write('ok\\n' + 'x'.repeat(5000)); setInterval(() => {}, 1000)",
      { maxLineBytes: 1_000 },
    )
    expect(await ended).toMatchObject({ fault: 'line-too-long' })
    expect(lines).toEqual(['ok'])
  })

  it('is ended when it closes its stdout', async () => {
    const { ended } = startScript("require('fs').closeSync(1); setInterval(() => {}, 1000)", {
      stopTimeoutMs: 50,
    })
    expect(await ended).toMatchObject({ fault: 'stdout-closed', signal: 'SIGTERM' })
  })

  it('is ended when it closes its stdin', async () => {
    const { child, ended, lines } = startScript(
      "require('fs').closeSync(0); console.log('closed'); setInterval(() => {}, 1000)",
      { stopTimeoutMs: 50 },
    )
    await expect.poll(() => lines).toEqual(['closed'])
    child.write(Buffer.from('{}'))
    expect(await ended).toMatchObject({ fault: 'stdin-closed', signal: 'SIGTERM' })
  })

  it('that does not read is sent a bounded number of bytes', () => {
    const { child } = startScript('setInterval(() => {}, 1000)')
    const outcomes: string[] = []
    const line = Buffer.alloc(1_048_576, 'x')
    for (let at = 0; at < 8; at++) outcomes.push(child.write(line))
    expect(outcomes.slice(0, 3)).toEqual(['written', 'written', 'written'])
    expect(outcomes.at(-1)).toBe('full')
    expect(child.write(Buffer.from('{}'))).toBe('written')
  })

  it('has its stderr read to the end, in lines that are cut', async () => {
    const { ended, stderr } = startScript(
      "process.stderr.write('short\\n' + 'x'.repeat(100_000) + '\\nend'); process.exitCode = 0",
    )
    await ended
    expect(stderr.map(({ length }) => length)).toEqual([5, MAX_STDERR_LINE_BYTES, 3])
  })
})

describe('stopping a child', () => {
  it('closes its stdin first and leaves it to end', async () => {
    const { child, ended } = startScript(
      "process.stdin.resume().on('end', () => process.exit(5)); process.on('SIGTERM', () => process.exit(6))",
      { stopTimeoutMs: 5_000 },
    )
    await child.stop()
    expect(await ended).toMatchObject({ exitCode: 5 })
  })

  it('sends SIGTERM to one that stays', async () => {
    const { child, ended, lines } = startScript(
      "process.on('SIGTERM', () => process.exit(6)); setInterval(() => {}, 1000); console.log('up')",
      { stopTimeoutMs: 50 },
    )
    await expect.poll(() => lines).toEqual(['up'])
    await child.stop()
    expect(await ended).toMatchObject({ exitCode: 6 })
  })

  it('sends SIGKILL to one that ignores SIGTERM, and to its grandchild', async () => {
    const { child, ended, pid, grandchild } = await startFamily('--stubborn')
    expect([isAlive(pid), isAlive(grandchild)]).toEqual([true, true])
    await child.stop()
    expect(await ended).toMatchObject({ signal: 'SIGKILL' })
    await expect.poll(() => [isAlive(pid), isAlive(grandchild)]).toEqual([false, false])
  })

  it('ends the grandchild of one that ends at once', async () => {
    const { child, pid, grandchild } = await startFamily()
    await child.stop()
    await expect.poll(() => [isAlive(pid), isAlive(grandchild)]).toEqual([false, false])
  })

  it('ends the whole group at once when it is killed', async () => {
    const { child, pid, grandchild } = await startFamily('--stubborn')
    await child.kill()
    await expect.poll(() => [isAlive(pid), isAlive(grandchild)]).toEqual([false, false])
  })

  it('is the same for all who ask, however often', async () => {
    const { child, ended } = startScript('process.stdin.resume()')
    await Promise.all([child.stop(), child.stop(), child.gone])
    await child.stop()
    await child.kill()
    expect(await ended).toMatchObject({ exitCode: 0 })
  })
})

describe('a child that leaves a grandchild behind', () => {
  it('is ended although the grandchild holds its pipes open, and the grandchild goes too', async () => {
    const { child, ended, grandchild } = await startFamily('--leave', '--hold-pipes', '--stubborn')
    expect(await ended).toMatchObject({ exitCode: 0 })
    await child.gone
    await expect.poll(() => isAlive(grandchild)).toBe(false)
  })

  it('is ended although the grandchild left the group with its pipes', async () => {
    const { child, ended, grandchild } = await startFamily('--leave', '--hold-pipes', '--escape')
    onTestFinished(() => void process.kill(grandchild, 'SIGKILL'))
    expect(await ended).toMatchObject({ exitCode: 0 })
    await child.gone
    expect(isAlive(grandchild)).toBe(true)
  })
})

describe('the environment of a child', () => {
  it('has the base variables that are set and its own, and nothing else', () => {
    const base = { PATH: '/bin', HOME: '/root', LANG: undefined, SECRET: 's', SALLYPORT__KEY: 'k' }
    expect(childEnvironment(base, { TOKEN: 't', HOME: '/srv' })).toEqual({
      PATH: '/bin',
      HOME: '/srv',
      TOKEN: 't',
    })
  })

  it('is all that the process sees', async () => {
    const { lines } = startScript('console.log(JSON.stringify(process.env))', { env: { A: '1' } })
    await expect.poll(() => lines).toEqual(['{"A":"1"}'])
  })
})
