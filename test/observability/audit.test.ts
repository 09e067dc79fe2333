import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Clock } from '../../src/core/index.ts'
import {
  AuditTrail,
  createLog,
  createMetrics,
  type AuditContext,
} from '../../src/observability/index.ts'
import { manualClock } from '../support/manual-clock.ts'
import { hasTool, run } from '../support/programs.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

type Line = Record<string, unknown>

const linesOf = (file: string): readonly Line[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
const serversIn = (file: string): readonly unknown[] => linesOf(file).map(({ server }) => server)

function trailInto(file: string, clock: Clock = manualClock()) {
  const logged: { level: string; msg: string; error?: string; count?: number }[] = []
  const write = (line: string) => void logged.push(JSON.parse(line) as (typeof logged)[0])
  const metrics = createMetrics()
  const log = createLog({ level: 'info', access: false }, { write })
  const context: AuditContext = { log, metrics, clock }
  const trail = new AuditTrail({ file }, context)
  onTestFinished(() => trail.stop())
  const failures = async (reason: string): Promise<number> => {
    const { values } = await metrics.auditFailures.get()
    return values.find(({ labels }) => labels.reason === reason)?.value ?? 0
  }
  const note = (server: unknown): void =>
    trail.record('insecure_skip_verify', { server: String(server), problem: 'p' })
  return { trail, logged, failures, note }
}

async function startTrail(file = join(temporaryFolder(), 'audit.jsonl'), clock?: Clock) {
  const started = trailInto(file, clock)
  await started.trail.start()
  return { ...started, file }
}

describe('the audit trail', () => {
  it('writes one line of JSON per event: time, event, its fields', async () => {
    const { trail, file } = await startTrail()
    trail.record('insecure_skip_verify', { server: 'weather', problem: 'line\nbreak' })
    await trail.stop()
    expect(readFileSync(file, 'utf8')).toBe(
      '{"time":"1970-01-01T00:16:40.000Z","event":"insecure_skip_verify","server":"weather","problem":"line\\nbreak"}\n',
    )
  })

  it('makes the file for its owner alone, and adds to one that is there', async () => {
    const { trail, file, note } = await startTrail()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    note('first')
    await trail.stop()
    const second = await startTrail(file)
    second.note('second')
    await second.trail.stop()
    expect(serversIn(file)).toEqual(['first', 'second'])
  })

  it('writes no field that is not declared, at no depth', async () => {
    const { trail, file } = await startTrail()
    const setting = { source: 's', option: 'o', problem: 'p', password: 's3cret' }
    const fields = { pid: 1, addresses: [], unsafe: [setting], token: 's3cret' }
    trail.record('gateway_started', fields)
    const certificate = {
      subject: 'CN=a',
      issuer: 'CN=b',
      serialNumber: '1',
      fingerprint256: 'f',
      raw: 's3cret',
    }
    const refusal = { listener: 'l', remote: 'r', cause: 'c', reason: 'x' }
    trail.record('client_certificate_refused', { ...refusal, certificate })
    await trail.stop()
    expect(readFileSync(file, 'utf8')).not.toContain('s3cret')
    expect(linesOf(file)).toMatchObject([
      { pid: 1, unsafe: [{ source: 's', option: 'o', problem: 'p' }] },
      { ...refusal, certificate: { subject: 'CN=a', issuer: 'CN=b' } },
    ])
  })

  it('cuts what others can make as long as they like', async () => {
    const { trail, file, note } = await startTrail()
    note('x'.repeat(100_000))
    await trail.stop()
    expect(serversIn(file)).toEqual(['x'.repeat(1_024)])
  })

  it('keeps the order, and has written everything when it is stopped', async () => {
    const { trail, file, note } = await startTrail()
    const names = Array.from({ length: 900 }, (_, at) => `${at}`)
    for (const [at, name] of names.entries()) {
      note(name)
      // Some are written one by one, some many at a time.
      if (at % 50 === 0) await until(() => serversIn(file).includes(name), name)
    }
    await trail.stop()
    expect(serversIn(file)).toEqual(names)
  })

  it('counts what comes after the stop as lost, and throws nothing', async () => {
    const { trail, file, note, failures } = await startTrail()
    await trail.stop()
    note('late')
    await trail.stop()
    expect(readFileSync(file, 'utf8')).toBe('')
    expect(await failures('lost')).toBe(1)
  })

  it('begins a new line where the one before was cut off', async () => {
    const file = join(temporaryFolder(), 'audit.jsonl')
    writeFileSync(file, '{"time":"2026', { mode: 0o600 })
    const { trail, note } = await startTrail(file)
    note('whole')
    await trail.stop()
    expect(readFileSync(file, 'utf8')).toMatch(
      /^\{"time":"2026\n\{"time":"1970[^\n]*whole[^\n]*\n$/,
    )
  })
})

describe('a file that cannot be used is refused with the mend', () => {
  const refusalOf = async (file: string): Promise<unknown> =>
    trailInto(file)
      .trail.start()
      .catch((error: unknown) => error)

  it.each([
    [
      'in no folder',
      (folder: string) => join(folder, 'none', 'a'),
      'ENOENT: there is no such folder',
    ],
    ['a folder', (folder: string) => folder, 'EISDIR: expected a file, got a folder'],
    [
      'below a file',
      (folder: string) => {
        writeFileSync(join(folder, 'file'), '')
        return join(folder, 'file', 'a')
      },
      'ENOTDIR: a part of the path is a file',
    ],
    [
      'a pipe',
      (folder: string) => {
        execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')])
        return join(folder, 'pipe')
      },
      'expected a plain file',
    ],
    ['a device', () => '/dev/null', 'expected a plain file'],
    [
      'one that everybody can read',
      (folder: string) => {
        writeFileSync(join(folder, 'open'), '')
        chmodSync(join(folder, 'open'), 0o644)
        return join(folder, 'open')
      },
      'at most its group read, got mode 0644; run: chmod 600 FILE',
    ],
    [
      'one that its group can write',
      (folder: string) => {
        writeFileSync(join(folder, 'open'), '')
        chmodSync(join(folder, 'open'), 0o660)
        return join(folder, 'open')
      },
      'got mode 0660',
    ],
  ])('%s', async (_, make, expected) => {
    const file = make(temporaryFolder())
    expect(await refusalOf(file)).toMatchObject({
      code: 'AUDIT_FILE',
      message: expect.stringContaining(`${file}: `) as string,
    })
    expect(await refusalOf(file)).toMatchObject({
      message: expect.stringContaining(expected) as string,
    })
  })

  it('but one that its group can read is not: that is how a collector gets at it', async () => {
    const file = join(temporaryFolder(), 'audit.jsonl')
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    expect(await refusalOf(file)).toBeUndefined()
  })
})

describe('a rotation', () => {
  it('leaves what came before in the old file, and goes on in the new one', async () => {
    const { trail, file, note } = await startTrail()
    note('before')
    renameSync(file, `${file}.1`)
    note('still before')
    await trail.reopen()
    note('after')
    await trail.stop()
    expect(serversIn(`${file}.1`)).toEqual(['before', 'still before'])
    expect(serversIn(file)).toEqual(['after'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('goes on in the old file when the new one cannot be used, and says so', async () => {
    const { trail, file, note, logged, failures } = await startTrail()
    renameSync(file, `${file}.1`)
    mkdirSync(file)
    await trail.reopen()
    note('after')
    await trail.stop()
    expect(serversIn(`${file}.1`)).toEqual(['after'])
    expect(await failures('reopen')).toBe(1)
    expect(logged).toMatchObject([
      { level: 'error', msg: 'the audit file was not opened anew; the old one stays in use' },
    ])
  })

  it('of a trail that was never started, or is stopped, makes no file', async () => {
    const file = join(temporaryFolder(), 'audit.jsonl')
    const { trail } = trailInto(file)
    await trail.reopen()
    await trail.stop()
    await trail.reopen()
    expect(existsSync(file)).toBe(false)
  })
})

/** From here on this process cannot make files any longer than that, as on a disk that is full; until the test is over. */
async function limitFileSize(bytes: number): Promise<{ lift(): Promise<void> }> {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const [, before = ''] = /^Max file size +(\S+)/m.exec(limits) ?? []
  const set = async (limit: string): Promise<void> => {
    const args = ['--pid', String(process.pid), `--fsize=${limit}:`]
    expect(await run('prlimit', args)).toEqual({ exitCode: 0, output: '' })
  }
  // Without a listener the signal would end the process; with one, the write fails.
  const ignore = (): void => {}
  process.on('SIGXFSZ', ignore)
  onTestFinished(async () => {
    await set(before)
    process.off('SIGXFSZ', ignore)
  })
  await set(String(bytes))
  return { lift: () => set(before) }
}

describe.skipIf(!hasTool('prlimit'))('a file that takes no more', () => {
  it('holds events back, says so once, and writes them in order when it does again', async () => {
    const clock = manualClock()
    const { file, note, logged, failures, trail } = await startTrail(undefined, clock)
    note('one')
    await until(() => statSync(file).size > 0, 'the first line')
    // In the middle of the next line.
    const disk = await limitFileSize(statSync(file).size + 20)
    note('two')
    await until(() => logged.length > 0, 'the failure')
    note('three')
    clock.advance(1_000)
    await until(async () => (await failures('write')) === 2, 'another try')
    expect(logged).toMatchObject([
      { level: 'error', msg: expect.stringContaining('cannot be written') as string },
    ])
    expect(logged[0]?.error).toContain('EFBIG')

    await disk.lift()
    clock.advance(1_000)
    await until(() => logged.length > 1, 'the mend')
    await trail.stop()
    expect(logged[1]).toMatchObject({ level: 'info', msg: 'audit events are written again' })
    expect(serversIn(file)).toEqual(['one', 'two', 'three'])
    expect(await failures('lost')).toBe(0)
  })

  it('loses what is too much, counts it, and says in the file where it is missing', async () => {
    const clock = manualClock()
    const { file, note, failures, logged, trail } = await startTrail(undefined, clock)
    const disk = await limitFileSize(10)
    note('first')
    await until(() => logged.length > 0, 'the failure')
    for (let at = 0; at < 1_003; at++) note(at)
    expect(await failures('lost')).toBe(3)
    await disk.lift()
    clock.advance(1_000)
    await until(() => logged.length > 1, 'the mend')
    note('last')
    await trail.stop()
    const lines = linesOf(file)
    expect(lines).toHaveLength(1 + 1_000 + 1 + 1)
    expect(lines[1_001]).toMatchObject({ event: 'audit_gap', lost: 3 })
    expect(serversIn(file).at(-1)).toBe('last')
  })

  it('begins the line that was cut off anew in the file of a rotation', async () => {
    const { file, note, logged, trail } = await startTrail()
    note('one')
    await until(() => statSync(file).size > 0, 'the first line')
    const before = statSync(file).size
    // A line and a bit: none of the old file, one of the new.
    await limitFileSize(before + 20)
    note('two')
    await until(() => logged.length > 0, 'the failure')
    renameSync(file, `${file}.1`)
    await trail.reopen()
    expect(statSync(`${file}.1`).size).toBe(before + 20)
    expect(serversIn(file)).toEqual(['two'])
  })

  it('is tried once more at the stop', async () => {
    const { file, note, logged, trail } = await startTrail()
    const disk = await limitFileSize(10)
    note('one')
    await until(() => logged.length > 0, 'the failure')
    await disk.lift()
    await trail.stop()
    expect(serversIn(file)).toEqual(['one'])
  })

  it('costs what is held back at the stop, and says so', async () => {
    const { note, failures, logged, trail } = await startTrail()
    await limitFileSize(10)
    note('one')
    await until(() => logged.length > 0, 'the failure')
    note('two')
    await trail.stop()
    expect(logged.at(-1)).toMatchObject({ level: 'error', msg: 'audit events were lost', count: 2 })
    expect(await failures('lost')).toBe(2)
  })
})
