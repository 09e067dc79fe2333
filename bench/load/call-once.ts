// A single call, for finding out that a target is there.
import { FIRST_ID, type CallScript } from '../call.ts'
import { openSocketChannel, type Destination } from './channel.ts'

const RETRY_MS = 2

/** @throws Error when the call is not answered with a result. */
export async function callOnce(destination: Destination, script: CallScript): Promise<void> {
  const answered = Promise.withResolvers<void>()
  const channel = await openSocketChannel(destination, script, {
    onAnswer: ({ status }) =>
      status === 200 ? answered.resolve() : answered.reject(new Error(`status ${status}`)),
    onFailure: answered.reject,
  })
  try {
    channel.send(FIRST_ID)
    await answered.promise
  } finally {
    channel.close()
  }
}

/** Calls until the target listens; a call that is answered wrongly is a failure, not a reason to try again. */
export async function firstAnswer(
  destination: Destination,
  script: CallScript,
  withinMs: number,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    try {
      return await callOnce(destination, script)
    } catch (thrown) {
      const isRefused = (thrown as NodeJS.ErrnoException).code === 'ECONNREFUSED'
      if (!isRefused || performance.now() > deadlineMs) throw thrown
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}
