// `${NAME}` and `${NAME:-default}` in one string. Runs on values after parsing, so what a variable holds is never read
// as YAML and cannot bring keys of its own.

export type Environment = Readonly<Record<string, string | undefined>>

interface ExpansionProblem {
  readonly expected: string
  readonly got: string
  readonly mend: string
}

export interface Expansion {
  readonly value: string
  /** The text was one reference and nothing else: its value may stand for a number or a boolean. */
  readonly whole: boolean
  readonly problems: readonly ExpansionProblem[]
}

/** `$${` is tried first, so that an escaped reference is not one. */
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g
const BODY = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

export function expand(text: string, env: Environment): Expansion {
  const problems: ExpansionProblem[] = []
  const value = text.replace(REFERENCE, (match: string, body?: string, close?: string) => {
    if (body === undefined) return '${'
    const [, name, fallback] = (close === '' ? null : BODY.exec(body)) ?? []
    if (name === undefined) {
      problems.push(MALFORMED)
      return match
    }
    // As in a shell, ":-" also stands in for a variable that is set to nothing.
    const found = Object.hasOwn(env, name) ? env[name] : undefined
    if (fallback !== undefined) return found === undefined || found === '' ? fallback : found
    if (found !== undefined) return found
    problems.push(unset(name))
    return ''
  })
  const whole = /^\$\{[^}]*\}$/.test(text)
  return { value, whole, problems }
}

const MALFORMED: ExpansionProblem = {
  expected: 'a reference like ${NAME} or ${NAME:-default}',
  got: '"${" that begins none',
  mend: 'write $${ for a "${" that is meant literally',
}

function unset(name: string): ExpansionProblem {
  return {
    expected: `the environment variable ${name} to be set`,
    got: 'no such variable',
    mend: `set it, or give a default: \${${name}:-default}`,
  }
}
