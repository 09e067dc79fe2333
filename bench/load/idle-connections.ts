// Connections that made one call and then say nothing: what most connections of a gateway are, most of the time. They stay
// until they are closed; one that does not is an error.
import { createSecureContext } from 'node:tls'
import { answerBody, FIRST_ID, scriptOf, type CallShape } from '../call.ts'
import type { HttpAnswer } from './answer-reader.ts'
import { openSocketChannel, type Destination, type SocketChannel } from './channel.ts'

export interface IdleOrder {
  readonly destination: Destination
  readonly count: number
}

const AT_A_TIME = 16
const CALL: CallShape = { era: 'modern', bodyBytes: 1_024, answer: 'json' }
const EXPECTED = answerBody(FIRST_ID, CALL.bodyBytes, CALL.answer)

export class IdleConnections {
  readonly #channels: SocketChannel[] = []
  #failure: Error | undefined

  /**
   * Opens more and leaves them open; answers with how many there are.
   * @throws Error when a call is not answered as it should be, or when one that was open has ended.
   */
  async open({ destination, count }: IdleOrder): Promise<number> {
    const onLost = (error: Error): void => void (this.#failure ??= error)
    await times(count, sharingTrust(destination), async (shared) => {
      this.#channels.push(await openAndCall(shared, onLost))
    })
    if (this.#failure !== undefined) throw this.#failure
    return this.#channels.length
  }

  /** Opens them and closes each again, so that there are never more than a few. */
  async openAndClose({ destination, count }: IdleOrder): Promise<void> {
    await times(count, sharingTrust(destination), async (shared) => {
      const channel = await openAndCall(shared, () => {})
      channel.close()
    })
  }

  /** @throws Error when one of them has ended before. */
  closeAll(): void {
    for (const channel of this.#channels.splice(0)) channel.close()
    if (this.#failure !== undefined) throw this.#failure
  }
}

async function times(
  count: number,
  destination: Destination,
  open: (destination: Destination) => Promise<void>,
): Promise<void> {
  let left = count
  const openSome = async (): Promise<void> => {
    while (left-- > 0) await open(destination)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, openSome))
}

/** The same, with what it takes to trust the target made once for all connections. */
function sharingTrust(destination: Destination): Destination {
  const { protocol, ca } = destination
  return protocol === 'http' ? destination : { ...destination, trust: createSecureContext({ ca }) }
}

async function openAndCall(
  destination: Destination,
  onLost: (error: Error) => void,
): Promise<SocketChannel> {
  const answered = Promise.withResolvers<HttpAnswer>()
  const channel = await openSocketChannel(destination, scriptOf(CALL), {
    onAnswer: answered.resolve,
    onFailure: (error) => {
      answered.reject(error)
      onLost(error)
    },
  })
  channel.send(FIRST_ID)
  const { status, body } = await answered.promise
  if (status !== 200 || !body.equals(EXPECTED)) {
    channel.close()
    throw new Error(`a connection that was to become idle was answered with status ${status}`)
  }
  channel.rest()
  return channel
}
