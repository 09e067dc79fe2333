// The modern callers of an endpoint and the shared child behind them: started at the first call, replaced when it is
// old or ends, not started at all for a while once the command was found to be of the legacy era.
import { GatewayError, type Clock } from '../../core/index.ts'
import type { ChildEnd } from '../child-process.ts'
import type { StdioEndpointOptions } from '../options.ts'
import type { UpstreamRequest } from '../upstream.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import { endFailure } from './child-end.ts'
import type { Children } from './children.ts'
import { legacyOnly } from '../wrong-era.ts'
import type { EraVerdict } from './era.ts'
import { MODERN_VERSIONS } from '../../wire/index.ts'
import { busy, draining } from '../session/refusals.ts'
import { SharedChild, type DiscoverOutcome } from './shared-child.ts'

/** Callers that may wait for the shared child to be started. */
export const MAX_WAITING = 1_024
/** How long a plain refusal of the modern era is believed. */
export const REFUSED_FOR_MS = 600_000
/** How long silence or an exit is taken for a refusal: either may as well be a bad start. */
export const DOUBTED_FOR_MS = 60_000

/** What is known of the command's modern era; no versions means that it does not speak it. */
export type ModernOutcome =
  | { readonly child: SharedChild; readonly versions: EraVerdict }
  | { readonly child: undefined }
  | GatewayError

export interface ModernLaneContext {
  readonly name: string
  readonly options: StdioEndpointOptions
  readonly children: Children
  readonly clock: Clock
  /** The shared child ended or was replaced: what was learned about the command may no longer hold. */
  readonly onReplaced: () => void
}

type State =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'starting'
      readonly child: SharedChild
      readonly waiting: ((outcome: ModernOutcome) => void)[]
    }
  | { readonly kind: 'up'; readonly child: SharedChild; readonly versions: EraVerdict }
  | { readonly kind: 'refused'; readonly untilMs: number }

const IDLE: State = { kind: 'idle' }

export class ModernLane {
  readonly #context: ModernLaneContext
  #state: State = IDLE

  constructor(context: ModernLaneContext) {
    this.#context = context
  }

  send(request: UpstreamRequest, answer: AnswerStream): void {
    this.whenKnown((outcome) => {
      if (answer.isOver) return
      if (outcome instanceof GatewayError) answer.fail(outcome, false)
      else if (outcome.child !== undefined) outcome.child.take(request, answer)
      else answer.fail(legacyOnly(this.#context.name, request.inbound?.version), false)
    })
  }

  /** Calls back once it is known whether the command speaks the modern era, starting it for that if need be. */
  whenKnown(onKnown: (outcome: ModernOutcome) => void): void {
    if (this.#context.options.protocol === 'legacy') {
      onKnown({ child: undefined })
      return
    }
    this.#forgetOldRefusal()
    const state = this.#state
    switch (state.kind) {
      case 'up':
        onKnown(state)
        return
      case 'refused':
        onKnown({ child: undefined })
        return
      case 'starting':
        if (state.waiting.length < MAX_WAITING) state.waiting.push(onKnown)
        else onKnown(busy(`${MAX_WAITING} calls wait for it to start`))
        return
      case 'idle':
        this.#start(onKnown)
    }
  }

  /** Replaces a child that has lived its time. Called about once a second. */
  tick(): void {
    if (this.#state.kind !== 'up') return
    const { clock, options } = this.#context
    const { child } = this.#state
    if (clock.monotonicMs() - child.startedAtMs < options.maxLifetimeMs) return
    this.#state = IDLE
    this.#context.onReplaced()
    child.retire('lifetime')
  }

  /** Ends listen streams and lets the calls under way finish; those not sent yet are refused. */
  retire(): void {
    const state = this.#state
    this.#state = IDLE
    if (state.kind === 'up') state.child.retire('shutdown')
    if (state.kind !== 'starting') return
    state.child.stop('shutdown')
    for (const onKnown of state.waiting) onKnown(draining())
  }

  #forgetOldRefusal(): void {
    if (this.#state.kind !== 'refused') return
    if (this.#context.clock.monotonicMs() >= this.#state.untilMs) this.#state = IDLE
  }

  #start(onKnown: (outcome: ModernOutcome) => void): void {
    const { options, clock, children } = this.#context
    const child: SharedChild = new SharedChild({
      options,
      clock,
      onDiscovered: (outcome) => this.#onDiscovered(child, outcome),
      onEnd: (end, asked) => this.#onEnd(child, end, asked),
    })
    const isPinned = options.protocol === 'modern'
    const refusal = child.start(children, { asks: !isPinned })
    if (refusal !== undefined) onKnown(refusal)
    else if (isPinned) {
      const known = { child, versions: MODERN_VERSIONS }
      this.#state = { kind: 'up', ...known }
      onKnown(known)
    } else this.#state = { kind: 'starting', child, waiting: [onKnown] }
  }

  #onDiscovered(child: SharedChild, outcome: DiscoverOutcome): void {
    const state = this.#state
    if (state.kind !== 'starting' || state.child !== child) return
    const known = this.#judge(child, outcome)
    this.#state = this.#stateAfter(known, outcome)
    if (known instanceof GatewayError || known.child === undefined) child.stop('wrong-era')
    for (const onKnown of state.waiting) onKnown(known)
  }

  #judge(child: SharedChild, outcome: DiscoverOutcome): ModernOutcome {
    if (outcome.kind === 'answered' && outcome.versions.length > 0) {
      return { child, versions: outcome.versions }
    }
    // Some servers exit on any request before `initialize`, so an exit is an answer too. A command that cannot be
    // started has given none.
    if (outcome.kind === 'ended' && outcome.end.kind === 'not-started') {
      return endFailure(this.#context.options, outcome.end)
    }
    return { child: undefined }
  }

  #stateAfter(known: ModernOutcome, outcome: DiscoverOutcome): State {
    if (known instanceof GatewayError) return IDLE
    if (known.child !== undefined) return { kind: 'up', ...known }
    const believedMs = outcome.kind === 'answered' ? REFUSED_FOR_MS : DOUBTED_FOR_MS
    return { kind: 'refused', untilMs: this.#context.clock.monotonicMs() + believedMs }
  }

  #onEnd(child: SharedChild, end: ChildEnd, asked: boolean): void {
    const { children, options, onReplaced } = this.#context
    if (!asked && end.kind === 'exited') children.noteFailure(endFailure(options, end))
    if (this.#state.kind !== 'up' || this.#state.child !== child) return
    this.#state = IDLE
    onReplaced()
  }
}
