#!/usr/bin/env node
// The program's entry. It runs on any Node that knows modules, so that one too old for the rest gets a line and not a
// stack: nothing is imported before the version is known.

const FLOOR = '22.19'
const EXIT_CONFIG = 78

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const [floorMajor = 0, floorMinor = 0] = FLOOR.split('.').map(Number)

if (major < floorMajor || (major === floorMajor && minor < floorMinor)) {
  process.stderr.write(
    `sallyport: expected Node ${FLOOR} or newer, got ${process.versions.node}; install a newer one from https://nodejs.org\n`,
  )
  process.exit(EXIT_CONFIG)
}

import('./main.ts').then(
  async ({ main }) => process.exit(await main(process.argv.slice(2))),
  (error) => {
    process.stderr.write(`sallyport: cannot load the program: ${error}; install it again\n`)
    process.exit(1)
  },
)
