// Names of several servers' tools and prompts made one set, exactly reversible. `server_name` is a code over the servers of
// the configuration alone: it reads the same whichever of them are up and whatever they offer.

/** A tool or prompt by its server and its name there, after the server's rules. */
export interface LocalName {
  readonly server: string
  readonly local: string
}

const SEPARATOR = '_'
/** For the names that with the usual separator would read as another server's. No server's name has a dot in it. */
const PLAIN_SEPARATOR = '.'

/**
 * With servers `a` and `a_b` the name `a_b_c` would stand for `b_c` of the one and `c` of the other. The longer server's
 * name wins, and the shorter one's tool becomes `a.b_c`; so each name has one reading, and each tool one name.
 */
export class PrefixCode {
  readonly #longestFirst: readonly string[]
  /** By server: the prefixes of others that begin with its own. */
  readonly #longer: ReadonlyMap<string, readonly string[]>

  /** @throws TypeError when two servers share a name, or one has a dot in it. */
  constructor(servers: readonly string[]) {
    const bad = servers.find((it, place) => servers.indexOf(it) !== place || it.includes('.'))
    if (bad !== undefined) throw new TypeError(`expected servers with names of their own: ${bad}`)
    this.#longestFirst = servers.toSorted((a, b) => b.length - a.length)
    this.#longer = new Map(
      servers.map((server) => {
        const prefix = server + SEPARATOR
        const others = servers.filter((it) => it !== server).map((it) => it + SEPARATOR)
        return [server, others.filter((it) => it.startsWith(prefix))]
      }),
    )
  }

  encode(server: string, local: string): string {
    return server + (this.#isMistakable(server, local) ? PLAIN_SEPARATOR : SEPARATOR) + local
  }

  /** Undefined for what no server's tool is called. */
  decode(name: string): LocalName | undefined {
    const escaped = this.#splitAtDot(name)
    if (escaped !== undefined) return escaped
    for (const server of this.#longestFirst) {
      if (name[server.length] === SEPARATOR && name.startsWith(server)) {
        return { server, local: name.slice(server.length + 1) }
      }
    }
    return undefined
  }

  /** True when the usual form of the name would read as another server's, in that one's usual form or the other one. */
  #isMistakable(server: string, local: string): boolean {
    const longer = this.#longer.get(server)
    if (longer === undefined || longer.length === 0) return false
    const name = server + SEPARATOR + local
    return longer.some((prefix) => name.startsWith(prefix)) || this.#splitAtDot(name) !== undefined
  }

  /** Goes no deeper than there are servers: the one before the dot is longer each time. */
  #splitAtDot(name: string): LocalName | undefined {
    const end = name.indexOf(PLAIN_SEPARATOR)
    if (end < 0) return undefined
    const [server, local] = [name.slice(0, end), name.slice(end + 1)]
    return this.#isMistakable(server, local) ? { server, local } : undefined
  }
}
