// The examples of listeners that pass on and that redirect, run as they stand, with other addresses.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openTls, received, startBehind } from '../listener/passthrough/start-passthrough.ts'
import { testAuthority } from '../support/pki.ts'
import { rawHttp } from '../support/raw-http.ts'
import { folderWith, startCli } from './run-cli.ts'

const example = (name: string): string => resolve(import.meta.dirname, '../../examples', name)

function serve(name: string, env: Readonly<Record<string, string>>) {
  return startCli(['serve', '-c', example(name)], {
    env: { LISTEN: '127.0.0.1:0', XDG_STATE_HOME: folderWith({}), ...env },
  })
}

describe('passthrough.yaml', () => {
  it('leads clients by name to servers that see their certificates', async () => {
    const authority = testAuthority()
    const servers = await Promise.all(
      ['weather', 'files'].map((commonName) => {
        const names = `DNS:${commonName}.example.com,DNS:*.${commonName}.example.com`
        const leaf = authority.issue({ commonName, subjectAltName: names })
        return startBehind({ leaf, clientCa: authority.cert })
      }),
    )
    const [weather = '', files = ''] = servers.map(({ port }) => `127.0.0.1:${port}`)
    const running = serve('passthrough.yaml', { WEATHER: weather, FILES: files })
    const [, port] = await running.line(/listening on tls:\/\/127\.0\.0\.1:(\d+)/)
    const client = authority.issue({ commonName: 'agent', purpose: 'clientAuth' })
    const ask = async (servername: string) => {
      const options = { servername, ca: authority.cert, cert: client.cert, key: client.key }
      const socket = await openTls(Number(port), options)
      const { CN } = socket.getPeerCertificate().subject
      const text = await received(socket, (it) => it.includes('\n'))
      socket.destroy()
      return [CN, text]
    }
    expect(await ask('weather.example.com')).toEqual(['weather', 'hello agent\n'])
    expect(await ask('files.example.com')).toEqual(['files', 'hello agent\n'])
    expect(await ask('a.files.example.com')).toEqual(['files', 'hello agent\n'])
    await expect(ask('other.example.com')).rejects.toMatchObject({
      code: 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
    })
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })
})

describe('https-redirect.yaml', () => {
  it('redirects, serves challenges and sends its headers', async () => {
    const leaf = testAuthority().issue()
    const folder = folderWith({})
    mkdirSync(join(folder, 'acme'))
    writeFileSync(join(folder, 'acme', 'token'), 'token.thumbprint')
    const running = serve('https-redirect.yaml', {
      TLS_CERT_FILE: leaf.chainFile,
      TLS_KEY_FILE: leaf.keyFile,
      REDIRECT_FROM: '127.0.0.1:0',
      ACME_DIR: join(folder, 'acme'),
    })
    const [, plain] = await running.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    const [, secure] = await running.line(/listening on https:\/\/127\.0\.0\.1:(\d+)/)
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    const redirect = await rawHttp({ port: Number(plain) }, get('/mcp?a=b'))
    expect(redirect?.status).toBe(308)
    expect(redirect?.headers['location']).toBe('https://mcp.example.com/mcp?a=b')
    const challenge = await rawHttp(
      { port: Number(plain) },
      get('/.well-known/acme-challenge/token'),
    )
    expect(challenge?.body).toBe('token.thumbprint')
    const tls = { rejectUnauthorized: false, servername: 'localhost' }
    const answer = await rawHttp({ port: Number(secure), tls }, get('/healthz'))
    expect(answer?.headers).toMatchObject({
      'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
      'content-security-policy': "default-src 'self'; script-src 'self'; style-src 'self'",
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'strict-origin-when-cross-origin',
      'permissions-policy': 'geolocation=(), microphone=(), camera=()',
    })
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  })
})
