// What a start says of `insecure_allow_public`: that callers are not authenticated, where that is so.
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/observability/index.ts'
import type { ServerTlsOptions } from '../../src/tls/index.ts'
import { gatewayOptions, httpEndpoint, startTestGateway } from '../support/gateway.ts'
import { testAuthority } from '../support/pki.ts'
import { serverTlsOptions } from '../support/tls-options.ts'

const servers = { weather: [httpEndpoint('http://127.0.0.1:1/mcp')] }
const log = { level: 'warn', access: false } as const

async function warningsOf(...clientAuth: readonly ServerTlsOptions['clientAuth'][]) {
  const authority = testAuthority()
  const leaf = authority.issue()
  const [listener] = gatewayOptions({ servers }).listeners
  const listeners = clientAuth.map((mode) => ({
    ...listener!,
    tls: serverTlsOptions(leaf, {
      clientAuth: mode,
      clientCaFile: mode === 'verify' ? authority.certFile : undefined,
    }),
  }))
  const lines: string[] = []
  await startTestGateway({
    servers,
    overrides: { listeners, log, insecureAllowPublic: true },
    dependencies: { log: createLog(log, { write: (line: string) => void lines.push(line) }) },
  })
  return lines.filter((line) => line.includes('insecure_allow_public'))
}

describe('insecure_allow_public', () => {
  it.each([[['none']], [['verify', 'none']], [['request', 'verify']]] as const)(
    'is warned of at the start with client_auth %j',
    async (modes) => {
      expect(await warningsOf(...modes)).toEqual([
        expect.stringContaining('callers from other machines are not authenticated'),
      ])
    },
  )

  it('is not warned of where every listener verifies callers', async () => {
    expect(await warningsOf('verify')).toEqual([])
    expect(await warningsOf('verify', 'verify')).toEqual([])
  })
})
