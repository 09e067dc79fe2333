// When a source is reloaded and what is told about it, over files that really change. What TLS makes of a reload is tested
// where TLS is.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../src/core/index.ts'
import { createLog, createMetrics } from '../../src/observability/index.ts'
import { type ReloadProblem, TlsReload } from '../../src/tls/reload.ts'
import type { Expiring, TlsSource } from '../../src/tls/source.ts'
import { issueCert } from '../support/certificates.ts'
import { manualClock } from '../support/manual-clock.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** A pair of files as every source has them: whole or not used. */
class PairSource implements TlsSource {
  readonly name = 'listener test'
  readonly expiring: readonly Expiring[] = []
  readonly files: readonly string[]
  attempts = 0
  inUse = ''

  constructor(folder: string) {
    this.files = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  }

  reload(): boolean {
    this.attempts += 1
    const [certFile = '', keyFile = ''] = this.files
    const cert = read(certFile)
    const key = read(keyFile)
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw problem(`${keyFile}: expected the key of the certificate, got another`)
    }
    const isChanged = this.inUse !== cert
    this.inUse = cert
    return isChanged
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw problem(`${file}: expected a file, got none`)
  }
}

function problem(message: string): Error {
  return Object.assign(new Error(message), { code: 'TLS_MATERIAL' })
}

const pairs = () => [issueCert(), issueCert()] as const

async function startReload(clock: Clock = systemClock, intervalMs = 300_000) {
  const folder = temporaryFolder()
  const [first, second] = pairs()
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  copyFileSync(first.certFile, certFile)
  copyFileSync(first.keyFile, keyFile)
  const source = new PairSource(folder)
  source.reload()
  const lines: { level: string; msg: string; error?: string }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0])
  const metrics = createMetrics()
  const reloaded = { times: 0 }
  const refused: ReloadProblem[] = []
  const reload = new TlsReload([source], {
    log: createLog({ level: 'info', access: false }, { write }),
    metrics,
    clock,
    intervalMs,
    onReloaded: () => void (reloaded.times += 1),
    onRefused: (problem) => void refused.push(problem),
  })
  onTestFinished(() => reload.stop())
  await reload.start()
  const counted = async (result: string): Promise<number> => {
    const { values } = await metrics.tlsReloads.get()
    return values.find(({ labels }) => labels.result === result)?.value ?? 0
  }
  const lastOk = async () => (await metrics.tlsReloadOk.get()).values[0]?.value
  return {
    source,
    reload,
    lines,
    counted,
    lastOk,
    reloaded,
    refused,
    certFile,
    keyFile,
    first,
    second,
  }
}

function writeOver(file: string, from: string): void {
  copyFileSync(from, `${file}.new`)
  renameSync(`${file}.new`, file)
}

describe('a source', () => {
  it('is reloaded when a file of it changes, and that is logged and counted', async () => {
    const { source, lines, counted, reloaded, certFile, keyFile, second } = await startReload()
    writeOver(keyFile, second.keyFile)
    writeOver(certFile, second.certFile)
    await until(() => source.inUse === second.ca.toString(), 'the new certificate')
    expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      'info listener test: certificates, keys or authorities reloaded',
    ])
    expect(await counted('changed')).toBe(1)
    expect(await counted('failed')).toBe(0)
    expect(reloaded.times).toBe(1)
  })

  it('that is caught half replaced is tried again, and nothing is said about it', async () => {
    const clock = manualClock()
    const { source, reload, lines, counted, certFile, keyFile, second } = await startReload(clock)
    writeOver(keyFile, second.keyFile)
    await reload.reloadNow()
    clock.advance(1_000)
    expect(source.attempts).toBeGreaterThan(3)
    expect(source.inUse).not.toBe(second.ca.toString())
    expect(reload.problems).toEqual([])

    writeOver(certFile, second.certFile)
    clock.advance(200)
    expect(source.inUse).toBe(second.ca.toString())
    expect(reload.problems).toEqual([])
    expect(await counted('failed')).toBe(0)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('that stays broken keeps what it had, and says so once with the cause and since when', async () => {
    const clock = manualClock()
    const { source, reload, lines, counted, lastOk, refused, first, keyFile, second } =
      await startReload(clock)
    writeOver(keyFile, second.keyFile)
    await reload.reloadNow()
    const sinceMs = clock.nowMs()
    clock.advance(3_000)
    expect(source.inUse).toBe(first.ca.toString())
    const message = `${keyFile}: expected the key of the certificate, got another`
    expect(reload.problems).toEqual([
      { source: 'listener test', sinceMs, message, files: source.files },
    ])
    expect(refused).toEqual(reload.problems)
    expect(await lastOk()).toBe(0)
    const errors = () => lines.filter(({ level }) => level === 'error')
    expect(errors()).toEqual([
      expect.objectContaining({
        msg: 'listener test: not reloaded, what was good stays in use',
        error: `TLS_MATERIAL ${message}`,
      }),
    ])
    expect(await counted('failed')).toBe(1)

    // Whatever happens next with the same problem: no other line, no other beginning.
    const { attempts } = source
    clock.advance(300_000)
    await until(() => source.attempts > attempts, 'the timer to try it again')
    clock.advance(3_000)
    expect(errors()).toHaveLength(1)
    expect(reload.problems[0]?.sinceMs).toBe(sinceMs)

    // Another problem is another line.
    unlinkSync(keyFile)
    await reload.reloadNow()
    clock.advance(3_000)
    expect(errors()).toHaveLength(2)

    writeOver(keyFile, first.keyFile)
    await reload.reloadNow()
    expect(reload.problems).toEqual([])
    expect(await lastOk()).toBe(1)
    expect(lines.at(-1)?.msg).toBe('listener test: the files are in order again')
  })

  it('is told about again when somebody asks for a reload and it is still broken', async () => {
    const clock = manualClock()
    const { reload, lines, keyFile } = await startReload(clock)
    writeFileSync(keyFile, 'no key')
    await reload.reloadNow()
    clock.advance(3_000)
    await reload.reloadNow()
    clock.advance(3_000)
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(2)
  })

  it('whose failure was not made for readers is shown without its words', async () => {
    const clock = manualClock()
    const { reload, lines, keyFile } = await startReload(clock)
    writeFileSync(keyFile, 'no key')
    await reload.reloadNow()
    clock.advance(3_000)
    expect(reload.problems[0]?.message).toBe('the files cannot be used; the log has the cause')
    expect(lines.at(-1)?.error).toMatch(/^ERR_OSSL/)
  })

  it('is looked at on the timer, for file systems that tell nothing', async () => {
    const clock = manualClock()
    const { source, certFile, keyFile, second } = await startReload(clock, 60_000)
    // With a clock that stands still, no event leads to a look.
    writeOver(keyFile, second.keyFile)
    writeOver(certFile, second.certFile)
    const before = source.attempts
    clock.advance(60_000)
    await until(() => source.inUse === second.ca.toString(), 'the new certificate')
    expect(source.attempts).toBe(before + 1)
  })

  it('that changed between its first reading and the start of the watch is reloaded', async () => {
    const folder = temporaryFolder()
    const [first, second] = pairs()
    const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
    copyFileSync(first.certFile, certFile)
    copyFileSync(first.keyFile, keyFile)
    const source = new PairSource(folder)
    source.reload()
    writeOver(keyFile, second.keyFile)
    writeOver(certFile, second.certFile)
    const reload = new TlsReload([source], {
      log: createLog({ level: 'error', access: false }),
      metrics: createMetrics(),
      clock: manualClock(),
      intervalMs: 60_000,
      onReloaded: () => {},
      onRefused: () => {},
    })
    onTestFinished(() => reload.stop())
    await reload.start()
    await until(() => source.attempts > 1, 'the reload')
    expect(source.inUse).toBe(second.ca.toString())
  })

  it('is left alone once the reload is stopped', async () => {
    const clock = manualClock()
    const { source, reload, keyFile } = await startReload(clock)
    writeFileSync(keyFile, 'no key')
    await reload.reloadNow()
    const { attempts } = source
    await reload.stop()
    clock.advance(600_000)
    expect(source.attempts).toBe(attempts)
    expect(clock.pending).toBe(0)
  })
})
