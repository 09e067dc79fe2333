// How files are replaced in the wild, each on a real file system: what is told, and that it is told every time.
import { spawnSync } from 'node:child_process'
import { on } from 'node:events'
import {
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  watch as watchFolder,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/index.ts'
import { FileWatch } from '../../src/tls/file-watch.ts'
import { manualClock } from '../support/manual-clock.ts'
import { until } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Watches the files and counts how often each was told to have changed, from now on. */
async function startWatch(files: readonly string[]) {
  const told = new Map<string, number>()
  const deaf: string[] = []
  const watch = new FileWatch({
    clock: systemClock,
    onChange: (changed) => {
      for (const file of changed) told.set(file, (told.get(file) ?? 0) + 1)
    },
    onDeaf: (folder) => void deaf.push(folder),
  })
  onTestFinished(() => watch.stop())
  watch.follow(files)
  await watch.look()
  expect([...told.keys()].toSorted()).toEqual([...files].toSorted())
  told.clear()
  const times = (file: string): number => told.get(file) ?? 0
  return {
    watch,
    deaf,
    times,
    /** Makes a change and waits until it is told. */
    isTold: async (file: string, change: () => void): Promise<boolean> => {
      const before = times(file)
      change()
      await until(() => times(file) > before, `${file} to be told`, 2_000)
      return true
    },
  }
}

function writeOver(file: string, text: string): void {
  const beside = `${file}.new`
  writeFileSync(beside, text)
  renameSync(beside, file)
}

function linkOver(link: string, target: string): void {
  const beside = `${link}_tmp`
  symlinkSync(target, beside)
  renameSync(beside, link)
}

describe('a watched file is told to have changed', () => {
  it('when it is written in place, again and again', async () => {
    const file = join(temporaryFolder(), 'tls.crt')
    writeFileSync(file, '0')
    const { isTold } = await startWatch([file])
    for (const text of ['1', '2', '3'])
      expect(await isTold(file, () => writeFileSync(file, text))).toBe(true)
  })

  it('when another is renamed over it, again and again', async () => {
    const file = join(temporaryFolder(), 'tls.crt')
    writeFileSync(file, '0')
    const { isTold } = await startWatch([file])
    for (const text of ['1', '2', '3'])
      expect(await isTold(file, () => writeOver(file, text))).toBe(true)
  })

  it('when Kubernetes swaps ..data', async () => {
    const volume = temporaryFolder()
    const publish = (version: string): void => {
      const old = version === 'v0' ? undefined : readlinkSync(join(volume, '..data'))
      mkdirSync(join(volume, version))
      for (const name of ['tls.crt', 'tls.key']) writeFileSync(join(volume, version, name), version)
      linkOver(join(volume, '..data'), version)
      if (old !== undefined) rmSync(join(volume, old), { recursive: true })
    }
    publish('v0')
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(volume, name))
    const { isTold, times } = await startWatch([join(volume, 'tls.crt'), join(volume, 'tls.key')])
    for (const version of ['v1', 'v2', 'v3']) {
      expect(await isTold(join(volume, 'tls.crt'), () => publish(version))).toBe(true)
    }
    await until(() => times(join(volume, 'tls.key')) === 3, 'the key of every version')
  })

  it('when certbot points live/ at the next file of archive/, and when that one is written', async () => {
    const folder = temporaryFolder()
    const [live, archive] = [join(folder, 'live/a.example'), join(folder, 'archive/a.example')]
    for (const each of [live, archive]) mkdirSync(each, { recursive: true })
    const file = join(live, 'fullchain.pem')
    const renew = (count: number): void => {
      writeFileSync(join(archive, `fullchain${count}.pem`), `${count}`)
      rmSync(file, { force: true })
      symlinkSync(`../../archive/a.example/fullchain${count}.pem`, file)
    }
    renew(1)
    const { isTold } = await startWatch([file])
    for (const count of [2, 3]) expect(await isTold(file, () => renew(count))).toBe(true)
    expect(await isTold(file, () => writeFileSync(join(archive, 'fullchain3.pem'), 'other'))).toBe(
      true,
    )
  })

  it('when a folder on the way is a link that is swapped', async () => {
    const folder = temporaryFolder()
    for (const name of ['one', 'two']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'tls.crt'), name)
    }
    symlinkSync(join(folder, 'one'), join(folder, 'current'))
    const file = join(folder, 'current', 'tls.crt')
    const { isTold } = await startWatch([file])
    expect(await isTold(file, () => linkOver(join(folder, 'current'), 'two'))).toBe(true)
    expect(
      await isTold(file, () => writeFileSync(join(folder, 'two', 'tls.crt'), 'in place')),
    ).toBe(true)
    expect(await isTold(file, () => linkOver(join(folder, 'current'), 'one'))).toBe(true)
  })

  it('when it is deleted, and when it is there again', async () => {
    const file = join(temporaryFolder(), 'tls.crt')
    writeFileSync(file, '0')
    const { isTold } = await startWatch([file])
    for (const text of ['1', '2']) {
      expect(await isTold(file, () => unlinkSync(file))).toBe(true)
      expect(await isTold(file, () => writeFileSync(file, text))).toBe(true)
    }
  })

  it('when its folder vanishes, and when a new one has its name', async () => {
    const folder = join(temporaryFolder(), 'a', 'b')
    const file = join(folder, 'tls.crt')
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, '0')
    const { isTold } = await startWatch([file])
    for (const text of ['1', '2']) {
      expect(await isTold(file, () => rmSync(dirname(folder), { recursive: true }))).toBe(true)
      expect(
        await isTold(file, () => {
          mkdirSync(folder, { recursive: true })
          writeFileSync(file, text)
        }),
      ).toBe(true)
      expect(await isTold(file, () => writeOver(file, `${text} renamed`))).toBe(true)
    }
  })

  it('when its folder is exchanged for another in one go', async () => {
    const parent = temporaryFolder()
    const [folder, next] = [join(parent, 'certs'), join(parent, 'next')]
    const file = join(folder, 'tls.crt')
    mkdirSync(folder)
    writeFileSync(file, '0')
    const { isTold } = await startWatch([file])
    for (const text of ['1', '2', '3']) {
      mkdirSync(next)
      writeFileSync(join(next, 'tls.crt'), text)
      expect(
        await isTold(file, () => {
          rmSync(folder, { recursive: true })
          renameSync(next, folder)
        }),
      ).toBe(true)
    }
    mkdirSync(next)
    writeFileSync(join(next, 'tls.crt'), '4')
    expect(
      await isTold(file, () => {
        renameSync(folder, join(parent, 'old'))
        renameSync(next, folder)
      }),
    ).toBe(true)
    expect(await isTold(file, () => writeFileSync(file, 'in place'))).toBe(true)
  })

  it('when it appears where there was not even a folder', async () => {
    const file = join(temporaryFolder(), 'later', 'tls.crt')
    const { isTold } = await startWatch([file])
    expect(
      await isTold(file, () => {
        mkdirSync(dirname(file))
        writeFileSync(file, 'there')
      }),
    ).toBe(true)
  })
})

describe('a file watch', () => {
  it('tells nothing when the content is the same, or another file in the folder changes', async () => {
    const folder = temporaryFolder()
    const [file, other] = [join(folder, 'tls.crt'), join(folder, 'other')]
    writeFileSync(file, 'same')
    const { watch, times, isTold } = await startWatch([file])
    writeOver(file, 'same')
    writeFileSync(other, 'noise')
    await watch.look()
    expect(times(file)).toBe(0)
    expect(await isTold(file, () => writeFileSync(file, 'other'))).toBe(true)
    expect(times(file)).toBe(1)
  })

  it('does not wake for files it was not asked about', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'tls.crt')
    writeFileSync(file, '0')
    const clock = manualClock()
    const watch = new FileWatch({ clock, onChange: () => {}, onDeaf: () => {} })
    onTestFinished(() => watch.stop())
    watch.follow([file])
    await watch.look()
    clock.advance(1_000)
    expect(clock.pending).toBe(0)
    // Another watch on the folder is told of the same events, in the same order and after this one.
    const own = watchFolder(folder)
    onTestFinished(() => own.close())
    const heard = async (name: string): Promise<void> => {
      for await (const [, heardName] of on(own, 'change')) if (heardName === name) return
    }
    const noise = heard('noise-99')
    for (let count = 0; count < 100; count++) writeFileSync(join(folder, `noise-${count}`), '')
    await noise
    expect(clock.pending).toBe(0)
    const news = heard('tls.crt')
    writeFileSync(file, '1')
    await news
    expect(clock.pending).toBe(1)
  })

  it('sees what no event told of, when it looks', async () => {
    const file = join(temporaryFolder(), 'tls.crt')
    writeFileSync(file, '0')
    const clock = manualClock()
    const told: string[] = []
    const onChange = (changed: ReadonlySet<string>): void => void told.push(...changed)
    const watch = new FileWatch({ clock, onChange, onDeaf: () => {} })
    onTestFinished(() => watch.stop())
    watch.follow([file])
    await watch.look()
    // With a clock that stands still, no event leads to a look.
    writeFileSync(file, '1')
    await watch.look()
    expect(told).toEqual([file, file])
  })

  it('follows loops of links and pipes without getting stuck', async () => {
    const folder = temporaryFolder()
    symlinkSync('loop', join(folder, 'loop'))
    const pipe = join(folder, 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const { isTold } = await startWatch([join(folder, 'loop'), pipe])
    expect(
      await isTold(join(folder, 'loop'), () => {
        unlinkSync(join(folder, 'loop'))
        writeFileSync(join(folder, 'loop'), 'a file now')
      }),
    ).toBe(true)
  })

  it('watches no more than its limit of folders, says so, and sees the others when it looks', async () => {
    const folder = temporaryFolder()
    const files = Array.from({ length: 260 }, (_, at) => join(folder, `${at}`, 'tls.crt'))
    for (const file of files) {
      mkdirSync(dirname(file))
      writeFileSync(file, '0')
    }
    const { watch, deaf, times } = await startWatch(files)
    expect(watch.watchedFolders).toBe(256)
    expect(deaf).toHaveLength(4)
    const last = files.at(-1) ?? ''
    expect(dirname(last)).toBe(deaf.at(-1))
    writeFileSync(last, '1')
    await watch.look()
    expect(times(last)).toBe(1)
  })

  it('ends every watch when it stops, and does not keep the process alive before', async () => {
    const file = join(temporaryFolder(), 'tls.crt')
    writeFileSync(file, '0')
    const { watch } = await startWatch([file])
    expect(watch.watchedFolders).toBe(1)
    watch.stop()
    expect(watch.watchedFolders).toBe(0)

    const source = resolve(import.meta.dirname, '../../src')
    const script = `
      import { systemClock } from '${source}/core/index.ts'
      import { FileWatch } from '${source}/tls/file-watch.ts'
      const watch = new FileWatch({ clock: systemClock, onChange() {}, onDeaf() {} })
      watch.follow(['${file}'])
      await watch.look()
      console.log('looked at', watch.watchedFolders)`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 10_000,
      encoding: 'utf8',
    })
    expect({ stdout, status }).toEqual({ stdout: 'looked at 1\n', status: 0 })
  })
})
