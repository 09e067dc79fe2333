// Where certificates lie: the tree of an authority and what it issued, and which names may stand in it.
//
//   ca/          ca.crt ca.key ca.crl, and the register of what was issued and revoked
//   gateway/     client.crt client.key ca.crt
//   plugins/NAME, servers/NAME   server.crt server.key ca.crt
//   clients/NAME                 client.crt client.key ca.crt
import { join } from 'node:path'
import { CertificateError } from './certificate-error.ts'
import { namesIn } from './files.ts'
import { parseSubjectName, type SubjectName } from './names.ts'

export type Role = 'gateway' | 'plugin' | 'server' | 'client'

/** The files of one certificate. */
export interface PairFiles {
  /** `Plugin MyPlugin`: for people. */
  readonly label: string
  readonly certFile: string
  readonly keyFile: string
  /** The authority's certificate beside it, for whoever has the folder alone. */
  readonly caFile?: string | undefined
  readonly pfxFile?: string | undefined
}

/** The place of one certificate in the tree. */
export interface LeafPlace extends PairFiles {
  readonly role: Role
  readonly name: string
  readonly purpose: 'server' | 'client'
  readonly folder: string
  readonly caFile: string
  readonly pfxFile: string
}

export const GATEWAY_NAME = 'mcp-gateway'

const ROLES: Readonly<
  Record<Role, { folder: string; title: string; purpose: 'server' | 'client' }>
> = {
  gateway: { folder: 'gateway', title: 'Gateway Client Certificate', purpose: 'client' },
  plugin: { folder: 'plugins', title: 'Plugin', purpose: 'server' },
  server: { folder: 'servers', title: 'Server', purpose: 'server' },
  client: { folder: 'clients', title: 'Client', purpose: 'client' },
}

export function authorityFiles(dir: string) {
  const folder = join(dir, 'ca')
  return {
    label: 'CA Certificate',
    folder,
    certFile: join(folder, 'ca.crt'),
    keyFile: join(folder, 'ca.key'),
    crlFile: join(folder, 'ca.crl'),
  }
}

/** @throws CertificateError for a name that cannot name a folder or a certificate. */
export function placeOf(dir: string, role: Role, name = GATEWAY_NAME): LeafPlace {
  const { folder: above, title, purpose } = ROLES[role]
  checkName(name)
  const folder = role === 'gateway' ? join(dir, above) : join(dir, above, name)
  return {
    role,
    name,
    purpose,
    label: role === 'gateway' ? title : `${title} ${name}`,
    folder,
    certFile: join(folder, `${purpose}.crt`),
    keyFile: join(folder, `${purpose}.key`),
    pfxFile: join(folder, `${purpose}.p12`),
    caFile: join(folder, 'ca.crt'),
  }
}

/** The bound of a common name, RFC 5280 appendix A.1. */
const MAX_NAME_CHARS = 64
/** Separators and drives of any system, what shells expand, and anything that does not show. */
const UNFIT = /[/\\:*?"<>|]|\p{C}/u

/** The name becomes a folder, so it must stay one: no `../..`, nothing hidden, no look of an option. */
export function checkName(name: string): void {
  const problem =
    (name.trim() !== name || name === '' ? 'a name without spaces around it' : undefined) ??
    (name.length > MAX_NAME_CHARS ? `at most ${MAX_NAME_CHARS} characters` : undefined) ??
    (/^[.-]/.test(name) ? 'a name that begins with neither "." nor "-"' : undefined) ??
    (UNFIT.test(name) ? 'a name without / \\ : * ? " < > | and control characters' : undefined)
  if (problem === undefined) return
  throw new CertificateError(
    'request',
    `expected ${problem}, got ${JSON.stringify(name.slice(0, 2 * MAX_NAME_CHARS))}; it names a folder of the tree: choose another`,
  )
}

export interface NamesOfPlace {
  readonly names: readonly SubjectName[]
  /** Names that the place suggests and that no certificate can carry. */
  readonly unfit: readonly string[]
}

/** The names a certificate at this place gets by itself; a client's are what it is known by. */
export function namesOf({ role, name, purpose }: LeafPlace): NamesOfPlace {
  const suggested = role === 'plugin' ? [name, `mcp-plugin-${name}`] : [name]
  const fit = suggested.flatMap((each) => nameAs(each) ?? [])
  const unfit = suggested.filter((each) => nameAs(each) === undefined)
  const localhost: SubjectName[] = purpose === 'server' ? [{ kind: 'dns', value: 'localhost' }] : []
  return { names: unique([...fit, ...localhost]), unfit }
}

function nameAs(text: string): SubjectName | undefined {
  try {
    return parseSubjectName(text)
  } catch (thrown) {
    if (thrown instanceof CertificateError) return undefined
    throw thrown
  }
}

/** Each name once, where it first stands. */
export function unique(names: readonly SubjectName[]): readonly SubjectName[] {
  const first = new Map<string, SubjectName>()
  for (const name of names) {
    const key = `${name.kind} ${name.value.toLowerCase()}`
    if (!first.has(key)) first.set(key, name)
  }
  return [...first.values()]
}

/** Every place of the tree where something is. */
export async function placesIn(dir: string): Promise<readonly LeafPlace[]> {
  const places: LeafPlace[] = []
  if ((await namesIn(join(dir, 'gateway'))).length > 0) places.push(placeOf(dir, 'gateway'))
  for (const role of ['plugin', 'server', 'client'] as const) {
    for (const name of await namesIn(join(dir, ROLES[role].folder))) {
      // Drafts, and what the system's file viewers leave behind.
      if (!name.startsWith('.')) places.push(placeOf(dir, role, name))
    }
  }
  return places
}
