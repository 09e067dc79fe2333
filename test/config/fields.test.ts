import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeAuthority } from '../../src/certs/index.ts'
import { describeReadFailure } from '../../src/tls/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { HEALTH_PATHS } from '../../src/gateway/health.ts'
import { changed, faultLines, faultsOf, makePair, MINIMAL, tempFolder } from './config-file.ts'

const LISTEN = 'listen: 127.0.0.1:8443'

describe('an address to listen on', () => {
  it.each([
    'localhost',
    '8443',
    '127.0.0.1:65536',
    '[127.0.0.1]:1',
    '[::1:1',
    '::1:80',
    'a b:1',
    'http://a:1',
    '[::1%lo]:1',
  ])('is not %j', (listen) => {
    const text = changed(LISTEN, `listen: ${JSON.stringify(listen)}`)
    expect(faultsOf(text).map(({ path, expected }) => [path, expected])).toEqual([
      ['listeners[0].listen', 'host:port, "[IPv6]:port", or ":port" for all interfaces'],
    ])
  })

  it.each([
    ['0.0.0.0:8443', '127.0.0.1:8443'],
    [':8443', '[::1]:8443'],
    ['[::]:8443', '127.0.0.1:8443'],
    ['LOCALHOST:8443', 'localhost:8443'],
    ['[::1]:8443', '[0:0::1]:8443'],
  ])('overlaps: %s and %s', (first, second) => {
    const listeners = [first, second].map((listen) => ({ listen, allowed_hosts: ['a'] }))
    const text = MINIMAL.replace(/listeners:\n.*\n/, `listeners: ${JSON.stringify(listeners)}\n`)
    const paths = faultsOf(`${text}insecure_allow_public: true\n`).map(({ path, expected }) => [
      path,
      expected,
    ])
    expect(paths).toEqual([['listeners[1].listen', 'an address of its own']])
  })

  it('does not overlap on another port or another interface', () => {
    const listeners = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.2:1', '[::1]:1'].map((listen) => ({
      listen,
    }))
    const text = MINIMAL.replace(/listeners:\n.*\n/, `listeners: ${JSON.stringify(listeners)}\n`)
    expect(faultLines(text)).toEqual([])
  })
})

describe('a route path', () => {
  it.each([
    'mcp',
    '',
    '//',
    '/a//b',
    '/a?b',
    '/a#b',
    '/a/./b',
    '/a/..',
    '/.',
    '/a%2fb',
    '/a%2Eb',
    '/a%zz',
    '/a b',
    '/ä',
    ...HEALTH_PATHS,
  ])('is not %j', (path) => {
    const text = changed('/mcp, ', `${JSON.stringify(path)}, `)
    expect(faultsOf(text).map((fault) => fault.path)).toEqual(['routes[0].path'])
  })

  it.each(['/', '/mcp/', '/a/b', '/.well', '/a..b', '/a%20b', '/~u/@x:y', '/healthy'])(
    'may be %j',
    (path) => {
      expect(faultLines(changed('/mcp, ', `${JSON.stringify(path)}, `))).toEqual([])
    },
  )

  it('is judged in linear time', () => {
    const path = `/${'a'.repeat(50_000)} `
    expect(faultsOf(changed('/mcp, ', `${JSON.stringify(path)}, `))).toHaveLength(1)
  })
})

describe('an endpoint url', () => {
  it.each([
    ['ftp://a/', '"ftp://a/"'],
    ['http://user:hunter2@a/mcp', '"http://***@a/mcp"'],
    ['https://hunter2@a/mcp?token=hunter2', '"https://***@a/mcp?***"'],
    ['http://a/mcp#hunter2', '"http://a/mcp#***"'],
    ['http://a:99999/', '"http://a:99999/"'],
    ['//a/mcp', '"//a/mcp"'],
    ['http:/hunter2@a', '"http:/***@a"'],
  ])('is not %s, which is told as %s', (url, got) => {
    const faults = faultsOf(changed('http://127.0.0.1:5051/mcp', url))
    expect(faults.map((fault) => [fault.path, fault.got])).toEqual([
      ['servers.weather.endpoints[0].url', got],
    ])
  })
})

describe('a host or origin', () => {
  it.each(['a:8443', 'http://a', '', 'a/b', '[::1]', '*.example.com', ':::'])(
    'host %j is refused',
    (host) => {
      const text = changed(LISTEN, `${LISTEN}\n    allowed_hosts: [${JSON.stringify(host)}]`)
      expect(faultsOf(text).map(({ path }) => path)).toEqual(['listeners[0].allowed_hosts[0]'])
    },
  )

  it.each([
    'a.example',
    'https://a/',
    'https://a/x',
    'https://u:p@a',
    'null',
    'https://a?x',
    'https://a:x',
  ])('origin %j is refused', (origin) => {
    const text = changed(LISTEN, `${LISTEN}\n    allowed_origins: [${JSON.stringify(origin)}]`)
    expect(faultsOf(text).map(({ path }) => path)).toEqual(['listeners[0].allowed_origins[0]'])
  })
})

describe('tls files', () => {
  const text = changed(LISTEN, `${LISTEN}\n    tls:\n      cert_file: a.crt\n      key_file: a.key`)

  it('are refused when the key is that of another certificate', () => {
    const folder = tempFolder()
    makePair(folder, 'a')
    makePair(folder, 'b')
    expect(faultLines(text, {}, folder)).toEqual([])
    expect(faultLines(text.replace('a.key', 'b.key'), {}, folder)).toEqual([
      `sallyport.yaml:5:17: listeners[0].tls.key_file: expected the private key of the certificate in ${folder}/a.crt, got the key of another certificate; name the files of one pair`,
    ])
  })

  it('are refused when they are swapped', () => {
    const folder = tempFolder()
    makePair(folder, 'a')
    const swapped = text
      .replace('cert_file: a.crt', 'cert_file: a.key')
      .replace('key_file: a.key', 'key_file: a.crt')
    expect(faultLines(swapped, {}, folder)).toEqual([
      `sallyport.yaml:4:18: listeners[0].tls.cert_file: expected a PEM file with a certificate, got ${folder}/a.key, which holds none; look whether files are swapped`,
      `sallyport.yaml:5:17: listeners[0].tls.key_file: expected a PEM file with a private key, got ${folder}/a.crt, which holds none; look whether files are swapped`,
    ])
  })

  it('are refused when they are not PEM, or a folder, without a word of what is in them', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'a.key'), 'hunter2')
    const lines = faultLines(text.replace('a.crt', '.'), {}, folder)
    expect(lines).toEqual([
      `sallyport.yaml:4:18: listeners[0].tls.cert_file: expected a PEM file with a certificate, got a folder at ${folder}; name the file in it`,
      `sallyport.yaml:5:17: listeners[0].tls.key_file: expected a PEM file with a private key, got ${folder}/a.key, which holds none; convert it to PEM, a text that starts with "-----BEGIN": openssl pkey -inform der -in FILE -out FILE.pem`,
    ])
  })

  it('are judged although the address of their listener is wrong', () => {
    const faults = faultsOf(text.replace('127.0.0.1:8443', 'nowhere'))
    expect(faults.map(({ path }) => path)).toEqual([
      'listeners[0].listen',
      'listeners[0].tls.cert_file',
      'listeners[0].tls.key_file',
    ])
  })

  it('are refused when the certificate has expired', async () => {
    const folder = tempFolder()
    const dayMs = 86_400_000
    const clock = { ...systemClock, nowMs: () => Date.now() - 3 * dayMs }
    const { certPem, keyPem } = await makeAuthority({ commonName: 'old', validForMs: dayMs, clock })
    writeFileSync(join(folder, 'a.crt'), certPem)
    writeFileSync(join(folder, 'a.key'), keyPem, { mode: 0o600 })
    expect(faultLines(text, {}, folder)).toEqual([
      expect.stringMatching(
        /^sallyport\.yaml:4:18: listeners\[0\]\.tls\.cert_file: expected a certificate that has not expired, got one that expired on .* GMT; renew it$/,
      ),
    ])
  })

  it('are refused when OpenSSL will not serve with them', () => {
    const folder = tempFolder()
    makePair(folder, 'a', ['rsa:512'])
    expect(faultLines(text, {}, folder)).toEqual([
      'sallyport.yaml:4:18: listeners[0].tls.cert_file: expected a certificate that OpenSSL serves with, got one that it refuses; issue it anew with a P-256 or RSA-2048 key and SHA-256',
    ])
  })

  it('are refused when the key is encrypted', () => {
    const folder = tempFolder()
    makePair(folder, 'a')
    const args = ['pkey', '-in', 'a.key', '-out', 'b.key', '-aes256', '-passout', 'pass:hunter2']
    execFileSync('openssl', args, { cwd: folder })
    expect(faultLines(text.replace('a.key', 'b.key'), {}, folder)).toEqual([
      `sallyport.yaml:5:17: listeners[0].tls.key_file: expected a PEM file with a private key, got an encrypted one without its password; set key_password, best as "\${KEY_PASSWORD}"`,
    ])
  })

  it('are refused when they cannot be read', () => {
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
    expect(describeReadFailure(denied, '/a.key')).toEqual({
      got: 'no permission to read /a.key',
      mend: 'let the user of the gateway read it',
    })
  })
})
