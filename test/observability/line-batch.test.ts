import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { LineBatch } from '../../src/observability/line-batch.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

it('writes every line, in order, many at a time', async () => {
  const file = join(temporaryFolder(), 'log')
  const fd = openSync(file, 'a')
  const batch = new LineBatch(fd)
  const lines = Array.from({ length: 5_000 }, (_, at) => `line ${at} ${'x'.repeat(at % 90)}\n`)
  for (const line of lines) batch.write(line)
  await batch.flush()
  expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  closeSync(fd)
})

it('loses lines, and nothing else, when the reader is gone or does not read', async () => {
  const pipe = join(temporaryFolder(), 'pipe')
  spawnSync('mkfifo', [pipe])
  const readEnd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeEnd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
  const batch = new LineBatch(writeEnd)
  // More than a pipe holds, and nobody reads.
  for (let count = 0; count < 40; count++) batch.write(`${'y'.repeat(9_999)}\n`)
  await expect(batch.flush()).resolves.toBeUndefined()
  closeSync(readEnd)
  batch.write('nobody is there\n')
  await expect(batch.flush()).resolves.toBeUndefined()
  closeSync(writeEnd)
})
