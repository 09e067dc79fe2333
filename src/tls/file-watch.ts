// Tells which of some files have other content than before. Folders are watched, for a watch on a file is deaf after the
// first rename over it; events only say when to look, and content decides. What to do about it is reload.ts' business.
import { createHash } from 'node:crypto'
import { statSync, watch, type FSWatcher } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { isNodeError, type Clock, type Timer } from '../core/index.ts'
import { watchPlacesOf } from './watch-places.ts'

/** From the first event to the look. Not from the last: a folder in which something is always written must not delay it. */
const SETTLE_MS = 50
/** Folders watched at most, one inotify watch each; files beyond are seen by the slow timer. */
const MAX_FOLDERS = 256
/** Larger files are told apart by size and time: nobody has a certificate of 16 MiB. */
const MAX_HASHED_BYTES = 16_777_216

export interface FileWatchOptions {
  readonly clock: Clock
  /** Gets the files whose content is not what it was at the last look; a file followed anew counts as such. */
  readonly onChange: (changed: ReadonlySet<string>) => void
  /** A folder cannot be watched, and why: too many watches, or a file system without events. */
  readonly onDeaf: (folder: string, error: unknown) => void
}

interface WatchedFolder {
  readonly watcher: FSWatcher
  /** Of the folder that is watched, which may not be the one that has its name by now. */
  readonly identity: string
  /** Names whose events count. */
  readonly names: Set<string>
}

export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #folders = new Map<string, WatchedFolder>()
  readonly #deaf = new Set<string>()
  /** What each file held at the last look; undefined before the first. */
  #digests = new Map<string, string | undefined>()
  #settling: Timer | undefined
  #looking: Promise<void> | undefined
  #isStopped = false

  constructor(options: FileWatchOptions) {
    this.#options = options
  }

  /** Folders with a watch now. */
  get watchedFolders(): number {
    return this.#folders.size
  }

  /** From now on these files, absolute, and no others. What they hold is looked at soon, or by `look`. */
  follow(files: Iterable<string>): void {
    if (this.#isStopped) return
    const old = this.#digests
    this.#digests = new Map([...files].map((file) => [file, old.get(file)]))
    this.#arrange()
    if ([...this.#digests.values()].includes(undefined)) this.#settle()
  }

  /** Compares now. Resolves when the changes are told. */
  async look(): Promise<void> {
    // What a look under way has read may be older than this call.
    await this.#looking
    this.#looking ??= this.#compare().finally(() => (this.#looking = undefined))
    await this.#looking
  }

  stop(): void {
    this.#isStopped = true
    this.#settling?.cancel()
    for (const { watcher } of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }

  async #compare(): Promise<void> {
    if (this.#isStopped) return
    // Before reading, so that no change falls between the two.
    this.#arrange()
    const digests = this.#digests
    const changed = new Set<string>()
    const compareOne = async (file: string): Promise<void> => {
      const digest = await digestOf(file)
      if (digests.get(file) === digest) return
      digests.set(file, digest)
      changed.add(file)
    }
    await Promise.all([...digests.keys()].map(compareOne))
    if (changed.size > 0 && !this.#isStopped) this.#options.onChange(changed)
  }

  /** Watches every folder on the way to the files, anew where another one has its name. */
  #arrange(): void {
    const wanted = this.#wantedNames()
    for (const [folder, { watcher, identity }] of this.#folders) {
      if (wanted.has(folder) && identityOf(folder) === identity) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const [folder, names] of wanted) this.#watch(folder, names)
  }

  #wantedNames(): ReadonlyMap<string, Set<string>> {
    const wanted = new Map<string, Set<string>>()
    for (const file of this.#digests.keys()) {
      for (const { folder, name } of watchPlacesOf(file)) {
        // The folder's own name is that of the events about itself: it was removed, or moved away.
        const names = wanted.get(folder) ?? new Set([basename(folder)])
        wanted.set(folder, names.add(name))
      }
    }
    return wanted
  }

  #watch(folder: string, names: ReadonlySet<string>): void {
    const known = this.#folders.get(folder)
    if (known !== undefined) {
      known.names.clear()
      for (const name of names) known.names.add(name)
      return
    }
    if (this.#folders.size >= MAX_FOLDERS) {
      this.#tellDeaf(folder, new Error(`more than ${MAX_FOLDERS} folders with certificates`))
      return
    }
    const own = new Set(names)
    try {
      // The identity first: if the folder is replaced in between, the next look sees that it is not the one watched.
      const identity = identityOf(folder)
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || own.has(name)) this.#settle()
      })
      watcher.on('error', (error) => this.#onWatcherError(folder, watcher, error))
      this.#folders.set(folder, { watcher, identity, names: own })
    } catch (thrown) {
      // Gone since the path was followed: the next look finds what is there instead.
      if (isNodeError(thrown, 'ENOENT')) this.#settle()
      else this.#tellDeaf(folder, thrown)
    }
  }

  #onWatcherError(folder: string, watcher: FSWatcher, error: Error): void {
    watcher.close()
    if (this.#folders.get(folder)?.watcher === watcher) this.#folders.delete(folder)
    this.#tellDeaf(folder, error)
  }

  #tellDeaf(folder: string, error: unknown): void {
    // Bounded by the folders there are; those that are not followed any more are forgotten with the process.
    if (this.#deaf.has(folder) || this.#deaf.size >= MAX_FOLDERS) return
    this.#deaf.add(folder)
    this.#options.onDeaf(folder, error)
  }

  #settle(): void {
    if (this.#isStopped || this.#settling !== undefined) return
    this.#settling = this.#options.clock.after(SETTLE_MS, () => {
      this.#settling = undefined
      void this.look()
    })
  }
}

/** What the file holds, or why that cannot be said. */
async function digestOf(file: string): Promise<string> {
  try {
    const found = await stat(file)
    // Reading a pipe would take from it, and wait.
    if (!found.isFile()) return 'not a file'
    if (found.size > MAX_HASHED_BYTES) return `${found.size} ${found.mtimeMs} ${found.ino}`
    return createHash('sha256')
      .update(await readFile(file))
      .digest('base64')
  } catch (thrown) {
    // Whoever reloads tells the user; here it only matters that it is not what it was.
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable'
  }
}

/** Tells a folder from one of the same name made later, even if the file system gives it the same inode number. */
function identityOf(folder: string): string {
  try {
    const { dev, ino, birthtimeNs } = statSync(folder, { bigint: true })
    return `${dev} ${ino} ${birthtimeNs}`
  } catch {
    // Gone: no folder that is watched has this identity.
    return 'gone'
  }
}
