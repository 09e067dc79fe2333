// Stands before a server and passes every HTTP message on as it is, writing down what it was: heads field by field in
// their order and spelling, bodies byte by byte.
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Added on the way in, so that the two records of one exchange are found again. */
export const EXCHANGE_FIELD = 'x-recorded-exchange'

export interface Recorded {
  readonly method: string
  readonly path: string
  /** Name, value, name, value, … */
  readonly requestHeaders: readonly string[]
  readonly requestBody: Buffer
  readonly status: number
  readonly answerHeaders: readonly string[]
  readonly answerBody: Buffer
  /** False: the server or the client broke it off. */
  readonly isWhole: boolean
}

export interface Recorder {
  /** Takes the place of the target's origin. */
  readonly origin: string
  /** Of the exchanges that are over. */
  readonly records: readonly Recorded[]
  readonly openCount: number
  close(): Promise<void>
}

export interface RecorderOptions {
  /** Where the messages go: `http://127.0.0.1:1234`. */
  readonly target: string
  /** Numbers requests in `EXCHANGE_FIELD`. */
  readonly numbers: boolean
}

/** What is about one connection only, and is this proxy's own on each side of it. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
])

function passedOn(raw: readonly string[]): string[] {
  return raw.filter((_, at) => !OF_THE_CONNECTION.has((raw[at - (at % 2)] ?? '').toLowerCase()))
}

export async function startRecorder({ target, numbers }: RecorderOptions): Promise<Recorder> {
  const records: Recorded[] = []
  let count = 0
  let openCount = 0
  const server = createServer((incoming, response) => {
    openCount++
    response.sendDate = false
    const requestHeaders = [...incoming.rawHeaders]
    if (numbers) requestHeaders.push(EXCHANGE_FIELD, String(count++))
    const sent: Buffer[] = []
    const received: Buffer[] = []
    const { method = '', url: path = '' } = incoming
    const outgoing = httpRequest(`${target}${path}`, {
      method,
      headers: passedOn(requestHeaders),
      setHost: false,
    })
    let answer: IncomingMessage | undefined
    let isOver = false
    const over = (isWhole: boolean): void => {
      if (isOver) return
      isOver = true
      openCount--
      records.push({
        method,
        path,
        requestHeaders,
        requestBody: Buffer.concat(sent),
        status: answer?.statusCode ?? 0,
        answerHeaders: answer?.rawHeaders ?? [],
        answerBody: Buffer.concat(received),
        isWhole,
      })
    }
    incoming.on('data', (chunk: Buffer) => {
      sent.push(chunk)
      outgoing.write(chunk)
    })
    incoming.on('end', () => outgoing.end())
    outgoing.on('response', (answered) => {
      answer = answered
      response.writeHead(answered.statusCode ?? 0, passedOn(answered.rawHeaders))
      response.flushHeaders()
      answered.on('data', (chunk: Buffer) => {
        received.push(chunk)
        response.write(chunk)
      })
      answered.on('end', () => {
        over(true)
        response.end()
      })
      answered.on('error', () => response.destroy())
    })
    outgoing.on('error', () => response.destroy())
    response.on('close', () => {
      over(false)
      outgoing.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    records,
    get openCount() {
      return openCount
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
