// What is tried between every client and every server. A feature that works returns; one that does not throws.
import { expect, vi } from 'vitest'
import type { ClientKind, MatrixClient } from './client.ts'
import type { ServerKind } from './servers.ts'
import type { AnsweredUse, Logging } from './words.ts'

export interface Try {
  readonly kind: ClientKind
  readonly client: MatrixClient
  readonly server: ServerKind
}

/** It neither works nor does not: what it takes to see that has not come about. */
export class NotTried extends Error {}

export interface Feature {
  readonly key: string
  readonly title: string
  /** It is about names that a server without such names gets from the gateway, on a route of its own. */
  readonly isAboutOddNames?: true
  run(it: Try): Promise<void>
}

const WAIT = { timeout: 10_000, interval: 20 }
const LARGE_BYTES = 1_500_000
/** So many random log messages that some were not severe enough, but for one run in three hundred. */
const RANDOM_LOGS = 12

export const FEATURES: readonly Feature[] = [
  {
    key: 'list',
    title: 'list',
    run: async ({ client, server: { words } }) => {
      expect(await client.listTools()).toContain(words.echo('').tool)
    },
  },
  {
    key: 'call',
    title: 'call',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.echo('grüß 😀')
      expect((await client.call(tool, args)).text).toContain('grüß 😀')
    },
  },
  {
    key: 'progress',
    title: 'progress',
    run: async ({ kind, client, server: { words } }) => {
      const steps = kind.losesLastProgress ? 20 : 4
      const { tool, args } = words.slow(steps)
      const seen: number[] = []
      await client.call(tool, args, { onProgress: (progress) => seen.push(progress) })
      // Of a client that loses the last ones itself, how many depends on how busy it is.
      const count = kind.losesLastProgress ? seen.length : steps
      expect(seen.length).toBeGreaterThanOrEqual(3)
      expect(seen).toEqual(Array.from({ length: count }, (_, at) => at + 1))
    },
  },
  {
    key: 'cancel',
    title: 'cancel',
    run: async ({ client, server: { words } }) => {
      const leave = new AbortController()
      const { tool, args } = words.slow(1_000)
      const before = await words.cancelled(client)
      const slow = client.call(tool, args, {
        signal: leave.signal,
        onProgress: (progress) => progress === 2 && leave.abort('enough'),
      })
      await expect(slow).rejects.toThrow('enough')
      await vi.waitFor(async () => {
        expect(await words.cancelled(client)).toBeGreaterThan(before)
      }, WAIT)
    },
  },
  {
    key: 'elicit',
    title: 'elicitation',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.ask.elicitation
      expect((await client.call(tool, args)).text).toMatch(/accept|provided/i)
    },
  },
  {
    key: 'sample',
    title: 'sampling',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.ask.sampling
      expect((await client.call(tool, args)).text).toContain('Paris')
    },
  },
  {
    key: 'roots',
    title: 'roots',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.ask.roots
      expect((await client.call(tool, args)).text).toContain('file:///root')
    },
  },
  {
    key: 'subscribe',
    title: 'subscription',
    run: async ({ client, server: { words } }) => {
      const { uri, touch, says } = words.watched
      const updated: string[] = []
      await client.subscribe(uri, (changed) => updated.push(changed))
      // A legacy client opens its event stream on its own time, and what is sent before may be lost.
      await vi.waitFor(async () => {
        for (const tool of touch) await client.call(tool)
        expect(updated[0]).toBe(uri)
      }, WAIT)
      expect(await client.readResource(uri)).toMatch(says)
    },
  },
  {
    key: 'log',
    title: 'log',
    run: ({ client, server: { words } }) =>
      words.log.kind === 'told' ? hearTold(client, words.log) : hearRandom(client, words.log),
  },
  {
    key: 'resume',
    title: 'resume',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.slow(20)
      const hasBroken = client.breakNextStream()
      let seen = 0
      const called = client.call(tool, args, { onProgress: () => (seen += 1) })
      const { text } = await called.finally(() => {
        if (!hasBroken()) throw new NotTried('the stream did not break')
      })
      expect(text).toMatch(/done|completed/i)
      expect(seen).toBe(20)
    },
  },
  {
    key: 'complete',
    title: 'completion',
    run: async ({ client, server: { words } }) => {
      const { name, argument, value, completions } = words.prompt
      expect(await client.complete(name, argument, value)).toEqual(completions)
    },
  },
  {
    key: 'errors',
    title: 'errors',
    run: async ({ client, server: { words } }) => {
      const failed = await client.call(words.fail.tool, words.fail.args)
      expect(failed.isError).toBe(true)
      expect(failed.text).toMatch(words.fail.says)
      // An error of the protocol, which some servers give as a result.
      const unknown = await client.call('no such tool').then(
        ({ isError, text }) => `${isError} ${text}`,
        (thrown: unknown) => String(thrown),
      )
      expect(unknown).toMatch(/-32602|true .*not found|Unknown tool|not found/i)
      // Nothing is broken by it.
      const { tool, args } = words.echo('still there')
      expect((await client.call(tool, args)).text).toContain('still there')
    },
  },
  {
    key: 'large',
    title: 'large payloads',
    run: async ({ client, server: { words } }) => {
      const text = 'ä'.repeat(LARGE_BYTES / 2)
      const { tool, args } = words.echo(text)
      expect((await client.call(tool, args)).text).toContain(text)
      if (words.big === undefined) return
      const big = words.big(4 * LARGE_BYTES)
      expect((await client.call(big.tool, big.args)).text).toHaveLength(4 * LARGE_BYTES)
    },
  },
  {
    key: 'unicode',
    title: 'unicode names',
    isAboutOddNames: true,
    run: ({ client, server: { words } }) => callByName(client, words.odd.unicode),
  },
  {
    key: 'unsafe',
    title: 'header-unsafe names',
    isAboutOddNames: true,
    run: ({ client, server: { words } }) => callByName(client, words.odd.unsafe),
  },
]

async function hearTold(
  client: MatrixClient,
  { below, at, heard }: Extract<Logging, { kind: 'told' }>,
): Promise<void> {
  const logs: unknown[] = []
  await client.hearLogs('warning', (data) => logs.push(data))
  await client.call(below.tool, below.args, { logLevel: 'warning' })
  await client.call(at.tool, at.args, { logLevel: 'warning' })
  await vi.waitFor(() => expect(logs).toEqual(heard), WAIT)
}

async function hearRandom(
  client: MatrixClient,
  { toggle, severe }: Extract<Logging, { kind: 'random' }>,
): Promise<void> {
  const logs: string[] = []
  await client.hearLogs('warning', (data) => logs.push(String(data)))
  await vi.waitFor(async () => {
    for (const _ of ['on', 'off']) await client.call(toggle, {}, { logLevel: 'warning' })
    expect(logs.length).toBeGreaterThanOrEqual(RANDOM_LOGS)
  }, WAIT)
  expect(logs.filter((data) => !severe.test(data))).toEqual([])
}

async function callByName(client: MatrixClient, { tool, args, says }: AnsweredUse): Promise<void> {
  expect(await client.listTools()).toContain(tool)
  const { text, isError } = await client.call(tool, args)
  expect(isError).toBe(false)
  expect(text).toMatch(says)
}
