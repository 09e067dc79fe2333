import { describe, expect, it } from 'vitest'
import { explainStartFailure } from '../../src/cli/start-failure.ts'
import { changed, loadValid, makePair, tempFolder } from '../config/config-file.ts'

const TWO = changed('127.0.0.1:8443', 'localhost:8443\n  - listen: "[::1]:8444"')

function explain(facts: object) {
  const { options } = loadValid(`${TWO}admin: {listen: "127.0.0.1:9443"}\n`)
  return explainStartFailure(Object.assign(new Error('the message'), facts), options)
}

describe('a start that fails', () => {
  it.each([
    [
      { code: 'EADDRINUSE', address: '::1', port: 8444 },
      'listeners[1].listen: [::1]:8444: EADDRINUSE: the port is taken',
    ],
    [
      { code: 'EADDRINUSE', address: '127.0.0.1', port: 8443 },
      'listeners[0].listen: localhost:8443: EADDRINUSE: the port is taken',
    ],
    [
      { code: 'EACCES', address: '127.0.0.1', port: 9443 },
      'admin.listen: 127.0.0.1:9443: EACCES: not permitted; choose a port from 1024 up',
    ],
    [
      { code: 'ENOTFOUND', hostname: 'localhost' },
      'listeners[0].listen: localhost:8443: ENOTFOUND: the host name does not resolve',
    ],
    [
      { code: 'EAFNOSUPPORT', address: '10.0.0.1', port: 1 },
      '10.0.0.1: EAFNOSUPPORT: this machine has no such address family',
    ],
    [
      { code: 'EACCES', path: '/state' },
      'state_dir: /state: EACCES: not permitted; give the folder',
    ],
    [{ code: 'EROFS', path: '/state' }, 'state_dir: /state: EROFS: the file system is read-only'],
  ])('is told with the key that it hangs on: %o', (facts, reason) => {
    expect(explain(facts)).toEqual({ reason: expect.stringContaining(reason), exitCode: 78 })
  })

  it('is told with redirect_from when that is the address', () => {
    const folder = tempFolder()
    makePair(folder, 'a')
    const keys = 'redirect_from: 127.0.0.1:80\n    tls: {cert_file: a.crt, key_file: a.key}'
    const text = changed('8443\n', `8443\n    ${keys}\n`)
    const { options } = loadValid(text, {}, folder)
    const error = Object.assign(new Error(), { code: 'EACCES', address: '127.0.0.1', port: 80 })
    expect(explainStartFailure(error, options)?.reason).toContain(
      'listeners[0].redirect_from: 127.0.0.1:80: EACCES: not permitted',
    )
  })

  it('is told as it stands when it is about certificates, and exits with 77', () => {
    expect(explain({ code: 'TLS_MATERIAL' })).toEqual({ reason: 'the message', exitCode: 77 })
  })

  it('is told with audit.file when that cannot be opened', () => {
    const reason = 'audit.file: the message'
    expect(explain({ code: 'AUDIT_FILE' })).toEqual({ reason, exitCode: 78 })
  })

  it.each([
    [{}],
    [{ code: 'EPIPE', address: '127.0.0.1', port: 8443 }],
    [{ code: 'ENOENT', path: '/x' }],
  ])('is not explained away when its cause is another: %o', (facts) => {
    expect(explain(facts)).toBeUndefined()
  })
})
