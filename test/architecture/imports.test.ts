// The import rules of docs/architecture.md, read from the source itself.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** Which rooms each room may import. A request walks the stages from left to right; nothing looks back. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core'],
  observability: ['core'],
  certs: ['core'],
  tls: ['core', 'observability'],
  upstream: ['core', 'wire', 'observability', 'tls'],
  routing: ['core', 'wire', 'observability', 'upstream'],
  plugins: ['core', 'wire', 'observability', 'tls', 'upstream'],
  mcp: ['core', 'wire', 'observability', 'plugins', 'routing', 'upstream'],
  admission: ['core', 'wire', 'observability', 'tls', 'mcp', 'routing', 'upstream'],
  listener: ['core', 'observability', 'tls', 'admission', 'mcp', 'routing', 'upstream'],
  gateway: [
    'core',
    'wire',
    'observability',
    'tls',
    'certs',
    'listener',
    'admission',
    'mcp',
    'plugins',
    'routing',
    'upstream',
  ],
  config: [
    'core',
    'tls',
    'observability',
    'listener',
    'admission',
    'mcp',
    'plugins',
    'routing',
    'upstream',
    'gateway',
  ],
  cli: ['core', 'certs', 'config', 'gateway'],
  '': ['core', 'gateway', 'config'],
}

/** What only one place may do. The pattern is looked for in code, not in comments. */
const RESERVED: readonly { what: string; pattern: RegExp; allowed: RegExp }[] = [
  {
    what: 'reads the environment',
    pattern: /process\.env\b/,
    // OpenSSL learns the folder of its engines from the environment alone.
    allowed: /^(?:config\/|tls\/engine-loading\.ts$)/,
  },
  {
    what: 'reads argv, owns stdio or exits',
    pattern: /process\.(?:argv|exit|exitCode|stdout|stderr|stdin)\b/,
    allowed: /^cli\//,
  },
  {
    what: 'spawns',
    pattern: /['"](?:node:)?child_process['"]/,
    allowed: /^upstream\/child-process\.ts$/,
  },
  {
    what: 'reads time',
    pattern:
      /\bDate\.now\(|\bperformance\.now\(|\bnew Date\(\)|(?<![.\w])set(?:Timeout|Interval)\(/,
    allowed: /^core\/clock\.ts$/,
  },
  {
    what: 'connects to servers, past what verifies them and shows the client certificate',
    pattern:
      /\{[^}]*\b(?:connect|request|get)\b[^}]*\} from ['"]node:(?:net|tls|https?|http2)['"]|['"]undici['"]|\bfetch\(|\bnew (?:WebSocket|EventSource)\(/,
    // Passthrough hands on the client's own TLS, unopened.
    allowed:
      /^(?:upstream\/http\/(?:connector|http2-carrier)|listener\/passthrough\/connection)\.ts$/,
  },
  { what: 'logs', pattern: /\bconsole\.|['"]pino['"]/, allowed: /^observability\/log\.ts$/ },
]

const FEWEST_FILES = 40

export interface SourceFile {
  /** Path below src/, with forward slashes. */
  readonly path: string
  readonly text: string
}

function readSource(dir: string): SourceFile[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({
      path: path.split(sep).join('/'),
      text: readFileSync(join(dir, path), 'utf8'),
    }))
}

const roomOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] as string) : '')

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** Every breach of the rules, one sentence each. */
export function breaches(files: readonly SourceFile[]): string[] {
  const found: string[] = []
  for (const { path, text } of files) {
    const code = withoutComments(text)
    const room = roomOf(path)
    const allowed = MAY_IMPORT[room]
    if (allowed === undefined) found.push(`${path}: src/${room}/ is not a room of the architecture`)
    for (const [, target = ''] of code.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]*)['"]/g)) {
      const imported = relative('/', resolve('/', dirname(path), target))
        .split(sep)
        .join('/')
      const importedRoom = roomOf(imported)
      if (importedRoom === room) continue
      if (allowed?.includes(importedRoom) !== true) found.push(`${path} may not import ${imported}`)
      const isFrontDoor = imported === `${importedRoom}/index.ts`
      const isOptions = /\/(?:options(?:-schema)?|fields)\.ts$/.test(imported)
      if (!isFrontDoor && !isOptions) found.push(`${path} enters ${imported} past its index.ts`)
    }
    for (const { what, pattern, allowed: place } of RESERVED) {
      if (pattern.test(code) && !place.test(path)) found.push(`${path} ${what}`)
    }
  }
  if (files.length < FEWEST_FILES)
    found.push(`expected at least ${FEWEST_FILES} files, got ${files.length}`)
  return found
}

describe('the architecture', () => {
  const source = readSource(join(ROOT, 'src'))

  it('holds in every file', () => {
    expect(breaches(source)).toEqual([])
  })

  it('is not held to be in order when there is nothing to look at', () => {
    expect(breaches([])).toEqual([expect.stringContaining('got 0')])
  })

  it.each([
    ['a stage that looks back', 'routing/x.ts', "import { a } from '../mcp/index.ts'"],
    ['a pure room with a dependency', 'wire/x.ts', "import { a } from '../upstream/index.ts'"],
    [
      'a plugin that knows of the protocol stage',
      'plugins/x.ts',
      "import { a } from '../mcp/index.ts'",
    ],
    ['an import past the front door', 'mcp/x.ts', "import { a } from '../routing/pool.ts'"],
    ['a lazy import', 'core/x.ts', "await import('../wire/index.ts')"],
    ['a re-export', 'core/x.ts', "export * from '../wire/index.ts'"],
    ['a room nobody planned', 'helpers/x.ts', 'export const a = 1'],
    ['the environment read', 'mcp/x.ts', 'process.env.HOME'],
    ['a second place that spawns', 'routing/x.ts', "import { spawn } from 'node:child_process'"],
    ['a TLS connection of its own', 'mcp/x.ts', "import { connect } from 'node:tls'"],
    ['a request of its own', 'gateway/x.ts', "import { request } from 'node:https'"],
    ['another client', 'upstream/x.ts', "import { Client } from 'undici'"],
    ['the global client', 'mcp/x.ts', 'await fetch(url)'],
    ['time read past the clock', 'mcp/x.ts', 'const at = Date.now()'],
    ['a console line', 'mcp/x.ts', 'console.log(1)'],
    ['an exit', 'gateway/x.ts', 'process.exit(1)'],
  ])('refuses %s', (_, path, text) => {
    const known = new Set(breaches(source))
    const found = breaches([...source, { path, text }]).filter((breach) => !known.has(breach))
    expect(found).toEqual([expect.stringContaining(path)])
  })
})
