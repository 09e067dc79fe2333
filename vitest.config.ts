import { defineConfig } from 'vitest/config'

/** RSA keys take their time, and openssl is started hundreds of times. */
const CERTS = [
  'test/cli/certs-*.test.ts',
  'test/certs/renew.test.ts',
  'test/docs/certificates.test.ts',
  'test/docs/tls-refusals.test.ts',
]
/** The runner leaves a core free for itself, which on a machine with two of them means one worker. */
const MAX_WORKERS = 2

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/proof/**', ...CERTS],
          maxWorkers: MAX_WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'certs',
          include: CERTS,
          maxWorkers: MAX_WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          testTimeout: 180_000,
          // What measures, scans or loads is alone on the machine.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
