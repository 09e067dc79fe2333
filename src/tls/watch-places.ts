// Which names in which folders decide what a path leads to: every symbolic link on the way and the file at the end. What
// is done about a change there is file-watch.ts' business.
import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname, isAbsolute, join, parse, sep } from 'node:path'

/** A name in a folder. Its creation, removal or replacement may change what the path leads to. */
export interface WatchPlace {
  /** Real path, without links. */
  readonly folder: string
  readonly name: string
}

/** As the kernel: a longer chain of links is a loop (ELOOP). */
const MAX_LINKS = 40

/**
 * Follows an absolute path as the kernel does. Kubernetes mounts `tls.crt → ..data/tls.crt` and `..data → ..2026_…`, and
 * swaps `..data`; certbot replaces `live/NAME/fullchain.pem → ../../archive/NAME/fullchain1.pem`. Where a part of the
 * path does not exist, the last place is the one at which it would appear.
 */
export function watchPlacesOf(path: string): readonly WatchPlace[] {
  const { root } = parse(path)
  const places: WatchPlace[] = []
  let rest = path.slice(root.length).split(sep)
  let at = root
  let links = 0
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '' || name === '.') continue
    if (name === '..') {
      at = dirname(at)
      continue
    }
    const next = join(at, name)
    const found = look(next)
    const isLink = found?.isSymbolicLink() ?? false
    if (found === undefined || isLink || rest.length === 0) places.push({ folder: at, name })
    if (found === undefined || (isLink && ++links > MAX_LINKS)) return places
    if (!isLink) {
      at = next
      continue
    }
    const target = readLink(next)
    rest = [...target.split(sep), ...rest]
    if (isAbsolute(target)) at = parse(target).root
  }
  return places
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    // A folder that may not be searched, or a name that is too long: whoever reads the file says so, with the mend.
    return undefined
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Replaced since the look. The change that did it leads here again.
    return ''
  }
}
