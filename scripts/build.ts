// Builds the package: src/ one file to one file into dist/, and the JSON Schema of the config for editors.
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { configJsonSchema } from '../src/config/index.ts'

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
writeFileSync(
  join(dist, 'sallyport.schema.json'),
  `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`,
)
chmodSync(join(dist, 'cli/bin.js'), 0o755)
