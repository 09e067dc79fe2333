// SIGHUP while the gateway runs: a daemon is asked to read its files anew, as is the custom; a program whose terminal was
// closed is asked to end. The signal is the same, and what became of the terminal tells which.
import { isatty } from 'node:tty'

const STANDARD_STREAMS = [0, 1, 2] as const

export class HangUp {
  readonly #terminals = STANDARD_STREAMS.filter((fd) => isatty(fd))
  readonly #onTerminalClosed: () => void
  #onReload: (() => void) | undefined

  constructor(onTerminalClosed: () => void) {
    this.#onTerminalClosed = onTerminalClosed
  }

  /** From here on the signal does not end the process by itself. */
  listen(): void {
    process.on('SIGHUP', this.#onSignal)
  }

  /** Before this there is nothing to reload: the files are being read. */
  reloadWith(onReload: () => void): void {
    this.#onReload = onReload
  }

  close(): void {
    process.off('SIGHUP', this.#onSignal)
  }

  readonly #onSignal = (): void => {
    // The kernel detaches the streams first and signals then. Under nohup there is no terminal to lose.
    const isClosed = this.#terminals.length > 0 && !this.#terminals.some((fd) => isatty(fd))
    if (isClosed) this.#onTerminalClosed()
    else this.#onReload?.()
  }
}
