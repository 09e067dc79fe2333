// What is tried between every client and every server. A feature that works returns; one that does not throws.
import { expect } from 'vitest'
import type { ClientKind, MatrixClient } from './client.ts'
import type { ServerKind } from './servers.ts'

export interface Try {
  readonly kind: ClientKind
  readonly client: MatrixClient
  readonly server: ServerKind
}

export interface Feature {
  readonly key: string
  readonly title: string
  run(it: Try): Promise<void>
}

const WAIT = { timeout: 10_000, interval: 20 }
const LARGE_BYTES = 1_500_000

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
      const { tool, args } = words.slow(4)
      const seen: number[] = []
      await client.call(tool, args, { onProgress: (progress) => seen.push(progress) })
      // The last one may be lost in the client itself.
      const expected = [1, 2, 3, 4].slice(0, kind.losesLastProgress ? seen.length : 4)
      expect(seen.length).toBeGreaterThanOrEqual(3)
      expect(seen).toEqual(expected)
    },
  },
  {
    key: 'cancel',
    title: 'cancel',
    run: async ({ client, server: { words } }) => {
      const leave = new AbortController()
      const { tool, args } = words.slow(1_000)
      const cancelled = async (): Promise<number> => {
        if (words.tally === undefined) return 0
        const { text } = await client.call(words.tally)
        return (JSON.parse(text) as { cancelled: number }).cancelled
      }
      const before = await cancelled()
      const slow = client.call(tool, args, {
        signal: leave.signal,
        onProgress: (progress) => progress === 2 && leave.abort('enough'),
      })
      await expect(slow).rejects.toThrow('enough')
      if (words.tally !== undefined) await expect.poll(cancelled, WAIT).toBe(before + 1)
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
      const { uri, touch } = needed(words.watched)
      const updated: string[] = []
      await client.subscribe(uri, (changed) => updated.push(changed))
      // A legacy client opens its event stream on its own time, and what is sent before may be lost.
      await expect
        .poll(async () => {
          await client.call(touch)
          return updated[0]
        }, WAIT)
        .toBe(uri)
      expect(await client.readResource(uri)).toMatch(/^revision \d+$/)
    },
  },
  {
    key: 'log',
    title: 'log',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = needed(words.log)
      const heard: unknown[] = []
      await client.hearLogs('warning', (data) => heard.push(data))
      await client.call(tool, { ...args, level: 'info' }, { logLevel: 'warning' })
      await client.call(tool, args, { logLevel: 'warning' })
      await expect.poll(() => heard, WAIT).toEqual(['log 1', 'log 2'])
    },
  },
  {
    key: 'resume',
    title: 'resume',
    run: async ({ client, server: { words } }) => {
      const { tool, args } = words.slow(20)
      needed(client.breakNextStream)()
      let seen = 0
      const { text } = await client.call(tool, args, { onProgress: () => (seen += 1) })
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
      // An error of the tool and one of the protocol, which some servers give as a result.
      if (words.tally !== undefined) {
        const failed = await client.call('fail')
        expect(failed.isError).toBe(true)
        expect(failed.text).toContain('this tool always fails')
      }
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
    run: async ({ client, server: { words } }) => {
      const { unicode } = needed(words.odd)
      expect(await client.listTools()).toContain(unicode)
      expect((await client.call(unicode, { text: 'hi' })).text).toBe('hi')
    },
  },
  {
    key: 'unsafe',
    title: 'header-unsafe names',
    run: async ({ client, server: { words } }) => {
      const { unsafe } = needed(words.odd)
      expect(await client.listTools()).toContain(unsafe)
      expect((await client.call(unsafe, { text: 'hi' })).text).toBe('hi')
    },
  },
]

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is nothing to try it with')
  return value
}
