import { defineConfig } from 'vitest/config'

/** RSA keys take their time, and openssl is started hundreds of times. */
const CERTS = [
  'test/cli/certs-*.test.ts',
  'test/certs/renew.test.ts',
  'test/docs/certificates.test.ts',
  'test/docs/tls-refusals.test.ts',
]
/** What loads the machine, or judges how long something takes: each is alone on it. */
const LOAD = [
  'test/proof/abandoned-sessions.test.ts',
  'test/proof/endpoint-killed.test.ts',
  'test/proof/interleavings.test.ts',
  'test/proof/leaks.test.ts',
  'test/proof/merged-members.test.ts',
  'test/proof/rotation.test.ts',
  'test/proof/slow-clients.test.ts',
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
          exclude: LOAD,
          testTimeout: 180_000,
          maxWorkers: MAX_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'load',
          include: LOAD,
          testTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
