// Set-up before `npm start` and `npm test`: installs the packages when they are missing or not those of package-lock.json.
// Plain JavaScript without imports of ours, because it runs on whatever Node the machine has, before node_modules exists;
// the Node that runs everything else is one of the packages.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const installed = join(root, 'node_modules')
/** Holds the hash of the lock file whose packages were last seen in place. */
const stamp = join(installed, '.sallyport-setup')
const projectNode = join(installed, '.bin', 'node')
/** npm is quiet; this is room for its complaints, of which the last lines are shown. */
const maxOutputBytes = 16 * 1024 * 1024
const shownLines = 20

const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8')
const lock = JSON.parse(lockText)
const lockHash = createHash('sha256').update(lockText).digest('hex')

if (!isStamped()) {
  if (!isInPlace()) install()
  writeFileSync(stamp, `${lockHash}\n`)
}

function isStamped() {
  return readIfThere(stamp)?.trim() === lockHash && hasProjectNode()
}

/** Somebody may have called npm directly: what npm notes down about its own work then spares a second installation. */
function isInPlace() {
  const noted = readIfThere(join(installed, '.package-lock.json'))
  if (noted === undefined || !hasProjectNode()) return false
  const there = JSON.parse(noted).packages
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true
    const found = there[path]
    // Packages for other platforms are optional, and npm leaves them out.
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

/** Package `node` fetches its binary in an install script, which can fail or be forbidden by itself. */
function hasProjectNode() {
  return lock.packages['node_modules/node'] === undefined || existsSync(projectNode)
}

function install() {
  console.error('installing the packages of this project, once, about half a minute …')
  // `npm ci` refuses a lock file that lacks the optional packages of other platforms, which not every registry has.
  // `npm install --no-save` takes the same versions from the lock file, checks the same hashes, and writes to neither
  // package.json nor the lock file. The error level leaves out the warnings that this Node is older than the packages
  // ask for: they are run by the project's own.
  const { status, stdout, stderr } = runNpm([
    'install',
    '--no-save',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
  ])
  if (status !== 0) {
    const lines = `${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n')
    console.error(lines.slice(-shownLines).join('\n'))
    fail(`npm install failed (exit code ${status ?? 'none'}); its last lines are above`)
  }
  if (!hasProjectNode()) {
    fail(
      `expected ${projectNode}, which the install script of package "node" makes; run: npm rebuild node --ignore-scripts=false`,
    )
  }
}

function runNpm(args) {
  // A build log should keep all that npm says; at a terminal it is of interest only when something fails.
  const output = process.env.CI ? 'inherit' : 'pipe'
  const options = {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: maxOutputBytes,
    stdio: ['ignore', output, output],
  }
  const cli = process.env.npm_execpath
  // The npm that called this script, not whichever comes first in PATH.
  if (cli !== undefined && basename(cli) === 'npm-cli.js') {
    return spawnSync(process.execPath, [cli, ...args], options)
  }
  return spawnSync('npm', args, options)
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}

function fail(message) {
  console.error(`set-up: ${message}`)
  process.exit(1)
}
