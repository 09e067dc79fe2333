// Lines to people: answers on standard output, everything else on standard error, one line each.

const MAX_CAUSES = 8

/** A reader that has seen enough (`| head`) closes the pipe, and a terminal may be closed; that is no failure of ours. */
const READER_GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO'])

export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!READER_GONE.has(error.code)) throw error
    })
  }
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** Resolves once what was printed has left the process: a pipe takes 64 KiB at a time, and the end of the process drops the rest. */
export async function whenPrinted(): Promise<void> {
  const { stdout } = process
  if (stdout.destroyed || stdout.writableLength === 0) return
  await new Promise<void>((resolve) => stdout.write('', () => resolve()))
}

/** One line, whatever the text brought along. */
export function complain(text: string): void {
  process.stderr.write(`${text.replaceAll(/\s*[\r\n]+\s*/g, ' ')}\n`)
}

/** The failure in one line; the chain of causes only when asked for. */
export function reportFailure(text: string, error: unknown, verbose: boolean): void {
  complain(`sallyport: ${text}`)
  if (!verbose) return
  for (const line of causeChain(error)) complain(`  ${line}`)
}

function causeChain(error: unknown): readonly string[] {
  const lines: string[] = []
  for (let at = error; at !== undefined && lines.length < MAX_CAUSES; ) {
    lines.push(`caused by: ${describe(at)}`)
    at = at instanceof Error ? at.cause : undefined
  }
  return lines
}

/** With its code, and the place in our own code it came from. */
function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `a thrown ${typeof thrown}`
  const { code } = thrown as NodeJS.ErrnoException
  const at = /^\s+at .*/m.exec(thrown.stack ?? '')?.[0].trim()
  const message =
    code === undefined || thrown.message.includes(code)
      ? thrown.message
      : `${code} ${thrown.message}`
  return `${thrown.name}: ${message}${at === undefined ? '' : ` (${at})`}`
}
