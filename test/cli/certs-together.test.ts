// Several runs at once, and runs that are killed in the middle: nothing is lost, and nothing is left in halves.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasTool, run } from '../support/programs.ts'
import { until } from '../support/servers.ts'
import { type CertsFolder, certsFolder } from './certs-run.ts'
import { BIN } from './run-cli.ts'

const CRL = 'certs/mcp/ca/ca.crl'

/** Every certificate of the tree belongs to its key and to the authority, and no file is a draft. */
function expectWhole({ path }: CertsFolder): number {
  const authority = new X509Certificate(readFileSync(path('certs/mcp/ca/ca.crt')))
  let pairs = 0
  for (const file of readdirSync(path('certs/mcp'), { recursive: true, encoding: 'utf8' })) {
    if (isDraft(file) || !/(?:server|client)\.(?:crt|key)$/.test(file)) continue
    const stem = path('certs/mcp', file.replace(/\.\w+$/, ''))
    const certificate = new X509Certificate(readFileSync(`${stem}.crt`))
    expect(certificate.verify(authority.publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(`${stem}.key`)))).toBe(true)
    expect(existsSync(join(stem, '../ca.crt'))).toBe(true)
    pairs += 1
  }
  return pairs / 2
}

const isDraft = (file: string): boolean => /\.\d+\.[0-9a-f]{8}(?:\/|$)/.test(file)

describe('runs at the same time', { timeout: 60_000 }, () => {
  it('make one authority, and a certificate each', async () => {
    const folder = certsFolder()
    const names = ['a', 'b', 'c', 'd', 'e']
    const ended = await Promise.all(names.map((name) => folder.certs(`server ${name}`)))
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']))
    expect(ended.filter(({ stdout }) => stdout.includes('ca.crt, '))).toHaveLength(1)
    expect(expectWhole(folder)).toBe(5)
    expect(readdirSync(folder.path('certs/mcp/ca/issued'))).toHaveLength(5)
  })

  it('make one certificate of the same name, and the register knows that one alone', async () => {
    const folder = certsFolder()
    await folder.certs('ca')
    const ended = await Promise.all([1, 2, 3, 4].map(() => folder.certs('server same')))
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([1, 2, 3, 4].map(() => [0, '']))
    expect(ended.filter(({ stdout }) => stdout.includes('Written:'))).toHaveLength(1)
    expect(expectWhole(folder)).toBe(1)
    const { serialNumber } = folder.cert('certs/mcp/servers/same/server.crt')
    expect(readdirSync(folder.path('certs/mcp/ca/issued'))).toEqual([`${serialNumber}.json`])
    expect(readdirSync(folder.path('certs/mcp/servers'))).toEqual(['same'])
  })

  it.skipIf(!hasTool('openssl'))(
    'revoke without losing one, each list with its own number',
    async () => {
      const folder = certsFolder()
      const names = ['a', 'b', 'c', 'd', 'e']
      for (const name of names) await folder.certs(`client ${name}`)
      const file = (name: string): string => `certs/mcp/clients/${name}/client.crt`
      const ended = await Promise.all([
        ...names.map((name) => folder.certs(`revoke ${file(name)}`)),
        folder.certs('server meanwhile'),
      ])
      expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, '']))
      const numbers = ended.flatMap(({ stdout }) => /\(number (\d+),/.exec(stdout)?.[1] ?? [])
      expect(numbers.toSorted()).toEqual(['1', '2', '3', '4', '5'])
      const { output } = await run('openssl', ['crl', '-in', folder.path(CRL), '-noout', '-text'])
      expect(output).toMatch(/CRL Number: \n\s+5\n/)
      for (const name of names) {
        expect(output).toContain(`Serial Number: ${folder.cert(file(name)).serialNumber}`)
      }
    },
  )

  it('renew the same certificate without mixing the halves', async () => {
    const folder = certsFolder()
    await folder.certs('gateway')
    const ended = await Promise.all([1, 2, 3, 4].map(() => folder.certs('renew gateway')))
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([1, 2, 3, 4].map(() => [0, '']))
    expect(expectWhole(folder)).toBe(1)
    expect(readdirSync(folder.path('certs/mcp/gateway'))).toEqual([
      'ca.crt',
      'client.crt',
      'client.key',
    ])
  })
})

describe('a run that is killed', { timeout: 90_000 }, () => {
  it('leaves whole certificates or none, and the next one goes on', async () => {
    const folder = certsFolder()
    const plugins = Array.from({ length: 60 }, (_, index) => `{name: p${index}, kind: external}`)
    writeFileSync(folder.path('list.yaml'), `plugins: [${plugins.join(', ')}]`)
    for (const last of ['CA Certificate', 'Gateway', 'Plugin p3', 'Plugin p9', 'Plugin p20']) {
      const running = folder.start('all --plugin-config list.yaml')
      await running.line(new RegExp(`^${last}.*:$`, 'm'))
      running.child.kill('SIGKILL')
      await running.ended
      expectWhole(folder)
    }
    expect((await folder.certs('all --plugin-config list.yaml')).code).toBe(0)
    expect(expectWhole(folder)).toBe(61)
  })

  it('leaves a list of revoked certificates that is whole', async () => {
    const folder = certsFolder()
    const names = ['a', 'b', 'c']
    for (const name of names) await folder.certs(`client ${name}`)
    for (const name of names) {
      const running = folder.start(`revoke certs/mcp/clients/${name}/client.crt`)
      // The fact is there before the list is made.
      const fact = folder.path(
        'certs/mcp/ca/revoked',
        `${folder.cert(`certs/mcp/clients/${name}/client.crt`).serialNumber}.json`,
      )
      await until(() => existsSync(fact), 'the fact')
      running.child.kill('SIGKILL')
      await running.ended
      // Not there yet, or readable.
      const look = existsSync(folder.path(CRL)) ? await folder.certs(`inspect ${CRL}`) : { code: 0 }
      expect(look.code).toBe(0)
    }
    expect((await folder.certs('crl')).stdout).toMatch(/3 revoked/)
  })

  it('between the two halves of a renewal is put right by the next', async () => {
    const folder = certsFolder()
    await folder.certs('gateway')
    const before = folder.read('certs/mcp/gateway/client.crt')
    const key = folder.read('certs/mcp/gateway/client.key')
    await folder.certs('gateway --dir other')
    // What it leaves: the new key in place, the old pair under its second names, and the turn of a process that is no more.
    const at = (name: string): string => folder.path('certs/mcp/gateway', name)
    copyFileSync(at('client.key'), at('client.key.previous'))
    copyFileSync(at('client.crt'), at('client.crt.previous'))
    copyFileSync(folder.path('other/gateway/client.key'), at('client.key'))
    const gone = { token: 'x', process: await pidOfTheDead(), host: hostname() }
    writeFileSync(at('client.crt.turn'), JSON.stringify(gone))
    const { code, stderr } = await folder.certs('renew gateway --keep-key')
    expect([code, stderr]).toEqual([0, ''])
    expect(expectWhole(folder)).toBe(1)
    expect(folder.read('certs/mcp/gateway/client.crt')).not.toBe(before)
    const plain = (pem: string): unknown => createPrivateKey(pem).export({ format: 'jwk' })
    expect(plain(folder.read('certs/mcp/gateway/client.key'))).toEqual(plain(key))
    expect(readdirSync(folder.path('certs/mcp/gateway'))).toEqual([
      'ca.crt',
      'client.crt',
      'client.key',
    ])
  })

  it('has its drafts swept once they are an hour old', async () => {
    const folder = certsFolder()
    await folder.certs('server a')
    const [old, young] = ['.b.12345.0123abcd', '.c.12345.0123abcd'].map((name) =>
      folder.path('certs/mcp/servers', name),
    ) as [string, string]
    for (const draft of [old, young]) mkdirSync(draft)
    const hourAgo = (Date.now() - 61 * 60_000) / 1000
    utimesSync(old, hourAgo, hourAgo)
    await folder.certs('server d')
    expect(readdirSync(folder.path('certs/mcp/servers'))).toEqual(['.c.12345.0123abcd', 'a', 'd'])
  })
})

async function pidOfTheDead(): Promise<number> {
  const { output } = await run('bash', ['-c', 'echo $$'])
  return Number(output)
}

describe.skipIf(!existsSync('/usr/bin/script'))('the making of an RSA-4096 key', () => {
  it('is shown as it goes on a terminal, and leaves no trace of it', async () => {
    const { folder, path } = certsFolder()
    const command = `cd '${folder}' && '${process.execPath}' '${BIN}' certs ca --key-type rsa-4096`
    const { exitCode, output } = await run('script', ['-qec', command, '/dev/null'])
    expect(exitCode).toBe(0)
    const drawn = '\r\u001b[K'
    expect(output).toContain(`${drawn}CA Certificate: making an RSA-4096 key (0 s)`)
    expect(output.replaceAll('\r\n', '\n')).toContain(`${drawn}CA Certificate:\n   Written:`)
    expect(existsSync(path('certs/mcp/ca/ca.key'))).toBe(true)
  })
})
