// Says on standard error that a key is being made, for the types that take seconds.
import type { AroundKey } from '../../certs/index.ts'
import { systemClock } from '../../core/index.ts'
import { complain } from '../output.ts'

const PERIOD_MS = 250
const CLEAR_LINE = '\r\u001b[K'

/** `label` says what the key is for. */
export function showKeyProgress(label: string): AroundKey {
  return async (keyType, make) => {
    if (!keyType.startsWith('rsa')) return make()
    const text = `${label}: making an ${keyType.toUpperCase()} key`
    if (!process.stderr.isTTY) {
      complain(`${text}, which takes some seconds`)
      return make()
    }
    const fromMs = systemClock.monotonicMs()
    const draw = (): void => {
      const seconds = Math.floor((systemClock.monotonicMs() - fromMs) / 1000)
      process.stderr.write(`${CLEAR_LINE}${text} (${seconds} s)`)
    }
    draw()
    const timer = systemClock.every(PERIOD_MS, draw)
    try {
      return await make()
    } finally {
      timer.cancel()
      process.stderr.write(CLEAR_LINE)
    }
  }
}
