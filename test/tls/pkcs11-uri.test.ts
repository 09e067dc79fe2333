import { describe, expect, it } from 'vitest'
import { parsePkcs11Uri } from '../../src/tls/pkcs11-uri.ts'

describe('the address of a key in a token', () => {
  it.each([
    ['pkcs11:token=gw;object=k;pin-value=1234', '1234'],
    ['pkcs11:token=gw;object=k?pin-value=1234', '1234'],
    ['pkcs11:token=gw;pin-value=1234;object=k', '1234'],
    ['pkcs11:token=gw;object=k?pin-value=a%20b%3B%26%C3%A9', 'a b;&é'],
  ])('is told apart from its PIN: %s', (written, value) => {
    expect(parsePkcs11Uri(written)).toEqual({
      address: 'pkcs11:token=gw;object=k',
      token: 'token=gw',
      pin: { kind: 'value', value },
    })
  })

  it.each([
    ['file:/run/pin', '/run/pin'],
    ['file:///run/pin', '/run/pin'],
    ['/run/pin', '/run/pin'],
    ['file:secrets/my%20pin', 'secrets/my pin'],
  ])('names a file with the PIN as %s', (written, path) => {
    const uri = parsePkcs11Uri(`pkcs11:token=gw;object=k?pin-source=${written}`)
    expect(uri?.pin).toEqual({ kind: 'file', path })
  })

  it('keeps every attribute that names the key as it was written', () => {
    const address =
      'pkcs11:model=SoftHSM%20v2;manufacturer=x;serial=4a;token=gw;id=%06%ff;object=k;type=private'
    expect(parsePkcs11Uri(`${address};pin-value=1`)).toMatchObject({
      address,
      token: 'model=SoftHSM%20v2;manufacturer=x;serial=4a;token=gw',
    })
  })

  it.each([
    ['no PIN, for which the engine would ask a terminal', 'pkcs11:token=gw;object=k'],
    ['an empty PIN', 'pkcs11:token=gw;object=k;pin-value='],
    ['a PIN that libp11 has no room for', `pkcs11:token=gw;object=k;pin-value=${'1'.repeat(33)}`],
    ['two PINs', 'pkcs11:token=gw;object=k;pin-value=1?pin-source=file:/p'],
    ['the same attribute twice', 'pkcs11:token=gw;token=b;object=k;pin-value=1'],
    ['no token', 'pkcs11:object=k;pin-value=1'],
    ['no key', 'pkcs11:token=gw;pin-value=1'],
    ['an attribute that libp11 refuses', 'pkcs11:slot-id=1;token=gw;object=k;pin-value=1'],
    ['a misspelt one', 'pkcs11:token=gw;object=k;pin_value=1234'],
    ['one without a value', 'pkcs11:token=gw;object;pin-value=1'],
    ['a program as the source of the PIN', 'pkcs11:token=gw;object=k?pin-source=|/bin/pin'],
    ['a PIN from the network', 'pkcs11:token=gw;object=k?pin-source=https://a.example/pin'],
    ['an encoding that is none', 'pkcs11:token=gw;object=k?pin-value=%zz'],
    ['a NUL in the PIN', 'pkcs11:token=gw;object=k?pin-value=1%002'],
    ['two queries', 'pkcs11:token=gw;object=k?pin-value=1?x'],
    ['a blank', 'pkcs11:token=my gw;object=k?pin-value=1'],
    ['a line break', 'pkcs11:token=gw;object=k?pin-value=1\n'],
    ['another scheme', 'file:/key.pem'],
    ['nothing', 'pkcs11:'],
  ])('is refused with %s', (_, written) => {
    expect(parsePkcs11Uri(written)).toBeUndefined()
  })
})
