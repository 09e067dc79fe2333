// Reads an event stream the way a test wants to see it: every event and comment, in order, as they come.

export interface SeenEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly retry: string | undefined
  /** Undefined for a comment. */
  readonly data: string | undefined
}

export interface EventStreamReader {
  /** The next event; undefined when the stream has ended. */
  next(): Promise<SeenEvent | undefined>
  /** The next message, past comments and events without data; undefined when the stream has ended. */
  message(): Promise<Record<string, unknown> | undefined>
  /** All messages to the end of the stream. */
  rest(): Promise<Record<string, unknown>[]>
  /** Leaves, as a client that closes its connection. */
  leave(): Promise<void>
}

export function readEvents(response: Response): EventStreamReader {
  if (response.headers.get('content-type') !== 'text/event-stream') {
    throw new Error(`no event stream: ${response.status} ${response.headers.get('content-type')}`)
  }
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream())
    .getReader()
  let text = ''
  const next = async (): Promise<SeenEvent | undefined> => {
    for (;;) {
      const comment = /^(:.*)\n/.exec(text)
      if (comment !== null) {
        text = text.slice(comment[0].length)
        return { id: undefined, event: undefined, retry: undefined, data: undefined }
      }
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const field = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        return {
          id: field('id'),
          event: field('event'),
          retry: field('retry'),
          data: field('data'),
        }
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      text += value
    }
  }
  const message = async (): Promise<Record<string, unknown> | undefined> => {
    for (;;) {
      const seen = await next()
      if (seen === undefined) return undefined
      if (seen.data) return JSON.parse(seen.data) as Record<string, unknown>
    }
  }
  const rest = async (): Promise<Record<string, unknown>[]> => {
    const all: Record<string, unknown>[] = []
    for (let got = await message(); got !== undefined; got = await message()) all.push(got)
    return all
  }
  return { next, message, rest, leave: () => reader.cancel() }
}
