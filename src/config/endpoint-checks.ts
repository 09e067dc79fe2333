// Whether the endpoints of a server are what they must be before the schema can judge them: a URL or a command each, and
// all of a server of one kind. What is found here keeps the schema from complaining about the same endpoint again.
import { serverKind } from '../routing/options.ts'
import { endpointKind } from '../upstream/options-schema.ts'
import type { Finding } from './cross-checks.ts'
import { memberOf } from './schema-walk.ts'
import { suggest } from './suggest.ts'

export function checkEndpoints(value: unknown): readonly Finding[] {
  const servers = memberOf(value, 'servers')
  if (typeof servers !== 'object' || servers === null) return []
  return Object.entries(servers).flatMap(([name, server]) => {
    const endpoints: unknown = memberOf(server, 'endpoints')
    if (!Array.isArray(endpoints)) return []
    const kind = serverKind(server)
    return endpoints.flatMap((endpoint: unknown, index): Finding[] => {
      if (typeof endpoint !== 'object' || endpoint === null || Array.isArray(endpoint)) return []
      const path = ['servers', name, 'endpoints', index]
      const own = endpointKind(endpoint)
      if (own === undefined) return [{ path, ...neitherOrBoth(endpoint) }]
      return own === kind ? [] : [{ path, ...otherKind(own) }]
    })
  })
}

function neitherOrBoth(endpoint: object): Omit<Finding, 'path'> {
  const expected = 'either url or command'
  if ('url' in endpoint) return { expected, got: 'both', mend: 'remove one of the two' }
  const likely = Object.keys(endpoint).find((key) => suggest(key, ['url', 'command']) !== undefined)
  const mend =
    likely === undefined
      ? 'an endpoint is reached by URL or started by a command: write one of the two'
      : `did you mean "${suggest(likely, ['url', 'command'])}" by "${likely}"?`
  return { expected, got: 'neither', mend }
}

function otherKind(own: 'http' | 'stdio'): Omit<Finding, 'path'> {
  const [got, others] = own === 'http' ? ['url', 'command'] : ['command', 'url']
  return {
    expected: `a ${others}, like the server’s other endpoints`,
    got: `a ${got}`,
    mend: 'make it a server of its own',
  }
}
