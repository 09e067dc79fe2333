// What the process's exit code says, following sysexits(3) where it has a word for it. docs/reference/cli.md is generated
// from this table.

/** Every way the program ends. */
export const exitCodes = {
  clean: 0,
  unexpected: 1,
  usage: 2,
  unreachable: 69,
  denied: 77,
  config: 78,
  interrupted: 130,
  terminated: 143,
} as const

/** What `sallyport certs check` ends with when it found something; the number that checks of this kind have everywhere. */
export const belowThreshold = 1

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  clean: 'Done; also a drain that finished after SIGTERM or SIGINT.',
  unexpected:
    'From `certs check`: a certificate ends soon, is over, revoked or unreadable. From any other command: a fault in Sallyport itself; please report it.',
  usage: 'The command line is wrong, or a name in it cannot be in a certificate.',
  unreachable: 'An endpoint cannot be reached.',
  denied:
    'TLS or credentials: a certificate cannot be served with, every endpoint that fails does so over them, or a password is missing or wrong.',
  config:
    'The configuration has faults, an address cannot be listened on, a file of a certificate is not what it should be or cannot be written, or Node is older than 22.19.',
  interrupted: 'Forced to stop by a second signal, SIGINT.',
  terminated: 'Forced to stop by a second signal, SIGTERM.',
}
