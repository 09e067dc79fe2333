import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { renewLeafFiles, type LeafPlace } from '../../src/certs/index.ts'
import { makeTree, read } from './make-tree.ts'

type Tree = Awaited<ReturnType<typeof makeTree>>

const renew = ({ dir, authority }: Tree, files: LeafPlace) =>
  renewLeafFiles({ dir, authority, files, days: 5, keepKey: false, passwords: {} })

describe('a renewal', () => {
  it('never mixes the halves of two, however many run at once', async () => {
    const tree = await makeTree()
    const place = await tree.make('gateway')
    for (let round = 0; round < 5; round += 1) {
      const renewed = await Promise.all(Array.from({ length: 8 }, () => renew(tree, place)))
      const certificate = new X509Certificate(read(place.certFile))
      expect(certificate.checkPrivateKey(createPrivateKey(read(place.keyFile)))).toBe(true)
      const serials = renewed.map((each) => each.certificate.serialNumber)
      expect(serials).toContain(certificate.serialNumber)
    }
    expect(readdirSync(place.folder)).toEqual(['ca.crt', 'client.crt', 'client.key'])
  })

  it('says who has the turn when that does not end', { timeout: 30_000 }, async () => {
    const tree = await makeTree()
    const place = await tree.make('gateway')
    const turn = `${place.certFile}.turn`
    writeFileSync(turn, JSON.stringify({ token: 'x', process: 1, host: 'another machine' }))
    await expect(renew(tree, place)).rejects.toThrow(
      /client\.crt\.turn: expected the run that has this turn to end, it has not in 10 s; when no other run is under way, delete the file/,
    )
    expect(read(turn)).toContain('another machine')
  })
})
