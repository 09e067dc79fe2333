// Adds up vitest's JSON reports and prints one line; exits 1 when anything failed or nothing ran.
import { readFileSync } from 'node:fs'

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')))
const sum = (key) => reports.reduce((total, report) => total + report[key], 0)

const skippedNames = reports.flatMap((report) =>
  report.testResults.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status === 'pending' || status === 'skipped')
      .map(({ fullName }) => fullName),
  ),
)
for (const name of new Set(skippedNames)) console.log(`skipped: ${name}`)

const passed = sum('numPassedTests')
const failed = sum('numFailedTests')
console.log(`${passed} passed, ${failed} failed, ${sum('numPendingTests')} skipped`)
if (failed > 0 || passed === 0) process.exitCode = 1
