// Other programs, as tests call them.
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

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
