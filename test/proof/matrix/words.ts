// The words in which each server of the matrix offers what is tried.
import type { MatrixClient } from './client.ts'
import { UNICODE_NAME, UNSAFE_NAME } from '../../fixtures/everything-stdio/shared-tools.ts'

/** A tool and the arguments for it. */
export interface ToolUse {
  readonly tool: string
  readonly args: Record<string, unknown>
}

/** A use of a tool, and what its answer says. */
export interface AnsweredUse extends ToolUse {
  readonly says: RegExp
}

/** Tools that log: as severely as they are told to, or with a level that nobody can tell beforehand. */
export type Logging =
  | {
      readonly kind: 'told'
      readonly below: ToolUse
      readonly at: ToolUse
      readonly heard: string[]
    }
  /** Each second call of `toggle` logs; what is severe enough for a warning matches. */
  | { readonly kind: 'random'; readonly toggle: string; readonly severe: RegExp }

/** How a server calls what is tried; undefined: it has no such thing. */
export interface Words {
  readonly echo: (text: string) => ToolUse
  /** Steps of 20 ms, each with progress. */
  readonly slow: (steps: number) => ToolUse
  /** How many slow calls the server has seen cancelled. */
  readonly cancelled: (client: MatrixClient) => Promise<number>
  readonly ask: Readonly<Record<'elicitation' | 'sampling' | 'roots', ToolUse>>
  /** An error of the tool's own. */
  readonly fail: AnsweredUse
  readonly big: ((bytes: number) => ToolUse) | undefined
  readonly log: Logging
  /** A resource that changes when the tools are called, one after the other. */
  readonly watched: {
    readonly uri: string
    readonly touch: readonly string[]
    readonly says: RegExp
  }
  readonly prompt: {
    readonly name: string
    readonly argument: string
    readonly value: string
    readonly completions: readonly string[]
  }
  readonly odd: { readonly unicode: AnsweredUse; readonly unsafe: AnsweredUse }
}

export const OWN_WORDS: Words = {
  echo: (text) => ({ tool: 'echo', args: { text } }),
  slow: (steps) => ({ tool: 'slow', args: { steps, stepMs: 20 } }),
  cancelled: async (client) => {
    const { text } = await client.call('tally')
    return (JSON.parse(text) as { cancelled: number }).cancelled
  },
  ask: {
    elicitation: { tool: 'ask', args: { kind: 'elicitation' } },
    sampling: { tool: 'ask', args: { kind: 'sampling' } },
    roots: { tool: 'ask', args: { kind: 'roots' } },
  },
  fail: { tool: 'fail', args: {}, says: /this tool always fails/ },
  big: (bytes) => ({ tool: 'big', args: { bytes } }),
  log: {
    kind: 'told',
    below: { tool: 'log', args: { messages: 2, level: 'info' } },
    at: { tool: 'log', args: { messages: 2, level: 'warning' } },
    heard: ['log 1', 'log 2'],
  },
  watched: { uri: 'test://watched-resource', touch: ['touch'], says: /^revision \d+$/ },
  prompt: { name: 'greeting', argument: 'who', value: 'Al', completions: ['Alice', 'Alan'] },
  odd: {
    unicode: { tool: UNICODE_NAME, args: { text: 'hi' }, says: /^hi$/ },
    unsafe: { tool: UNSAFE_NAME, args: { text: 'hi' }, says: /^hi$/ },
  },
}

export const EVERYTHING_WORDS: Omit<Words, 'cancelled'> = {
  echo: (message) => ({ tool: 'echo', args: { message } }),
  slow: (steps) => ({
    tool: 'trigger-long-running-operation',
    args: { duration: (steps * 20) / 1_000, steps },
  }),
  ask: {
    elicitation: { tool: 'trigger-elicitation-request', args: {} },
    sampling: { tool: 'trigger-sampling-request', args: { prompt: 'Which city?', maxTokens: 100 } },
    roots: { tool: 'get-roots-list', args: {} },
  },
  fail: { tool: 'get-sum', args: { a: 'one', b: 2 }, says: /Input validation error/ },
  big: undefined,
  log: {
    kind: 'random',
    toggle: 'toggle-simulated-logging',
    severe: /^(?:Warning|Error|Critical|Alert|Emergency)[- ]level/,
  },
  watched: {
    uri: 'demo://resource/dynamic/text/7',
    // On, which tells of a change at once, and off.
    touch: ['toggle-subscriber-updates', 'toggle-subscriber-updates'],
    says: /^Resource 7: /,
  },
  prompt: {
    name: 'completable-prompt',
    argument: 'department',
    value: 'E',
    completions: ['Engineering'],
  },
  odd: {
    unicode: {
      tool: UNICODE_NAME,
      args: { messageType: 'success' },
      says: /^Operation completed successfully$/,
    },
    unsafe: {
      tool: UNSAFE_NAME,
      args: { resourceType: 'Text', resourceId: 7 },
      says: /^Returning resource reference for Resource 7/,
    },
  },
}

/** The names that server-everything gets from the gateway's `tools.rename`, as it has none that are odd. */
export const EVERYTHING_RENAMED: ReadonlyMap<string, string> = new Map([
  ['get-annotated-message', UNICODE_NAME],
  ['get-resource-reference', UNSAFE_NAME],
])
