// The programs that judge our certificates from outside, and a folder for the files they read.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

export function hasTool(name: string): boolean {
  return spawnSync(name, ['version']).error === undefined
}

/** Runs a program. Resolves with its output in both cases, as a program that judges says no by its exit code. */
export async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args], { env })
    return { exitCode: 0, output: stdout + stderr }
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string }
    if (typeof code !== 'number') throw thrown
    return { exitCode: code, output: stdout + stderr }
  }
}

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-certs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
