// Whether two sockets of the configuration would take the same port, and whether one would connect to another.
import { isIP } from 'node:net'
import { isLoopback } from '../admission/index.ts'
import { type Address, parseAddress } from '../listener/options-schema.ts'
import type { Finding } from './cross-checks.ts'
import type { Draft } from './draft.ts'
import { formatPath, type Path } from './fault.ts'

interface BoundAddress extends Address {
  readonly path: Path
}

export function checkAddresses(draft: Draft): Finding[] {
  const addresses = boundAddresses(draft).filter(({ port }) => port !== 0)
  return addresses.flatMap((address, index) => {
    const other = addresses.slice(0, index).find((earlier) => overlap(earlier, address))
    if (other === undefined) return []
    return {
      path: address.path,
      expected: 'an address of its own',
      got: `port ${address.port}, which ${formatPath(other.path)} has on the same interface`,
      mend: 'choose another port',
    }
  })
}

/** Everything that is listened on, in the order of the file. */
function boundAddresses({ listeners, passthroughs, adminListen }: Draft): BoundAddress[] {
  const written: (readonly [Path, string | undefined])[] = [...listeners, ...passthroughs]
    .toSorted((a, b) => a.index - b.index)
    .flatMap(({ index, value }) => [
      [['listeners', index, 'listen'], value.listen] as const,
      [
        ['listeners', index, 'redirect_from'],
        'redirect_from' in value ? value.redirect_from : undefined,
      ] as const,
    ])
  return [...written, [['admin', 'listen'], adminListen] as const].flatMap(([path, listen]) => {
    const address = listen === undefined ? undefined : parseAddress(listen)
    return address === undefined ? [] : [{ path, ...address }]
  })
}

/** A target that is a listener which passes on: the connection would go round in circles. */
export function checkLoops({ passthroughs }: Draft): Finding[] {
  const own = passthroughs.flatMap(({ index, value }) => {
    const address = parseAddress(value.listen)
    return address === undefined ? [] : [{ ...address, path: ['listeners', index, 'listen'] }]
  })
  return passthroughs.flatMap(({ index, value: { passthrough } }) =>
    passthrough.flatMap(({ to }, at): Finding[] => {
      const target = parseAddress(to)
      const other = target && own.find((address) => isReachedBy(address, target))
      if (other === undefined) return []
      return [
        {
          path: ['listeners', index, 'passthrough', at, 'to'],
          expected: 'a server, not a listener that passes on',
          got: `${JSON.stringify(to)}, which is ${formatPath(other.path)}`,
          mend: 'write the address of the server',
        },
      ]
    }),
  )
}

/** Only where it is certain: what a name or an address of this machine leads to is not known here. */
function isReachedBy(listen: Address, target: Address): boolean {
  if (listen.port !== target.port) return false
  const [own, other] = [canonical(listen.host), canonical(target.host)]
  if (own === other) return true
  const isLocal = isLoopback(other) || other === '0.0.0.0' || other === '::'
  if (!isLocal || (own === '0.0.0.0' && isIP(other) === 6)) return false
  const isEverywhere = own === '' || own === '::' || own === '0.0.0.0'
  return isEverywhere || ((own === 'localhost' || other === 'localhost') && isLoopback(own))
}

/** A socket on all interfaces takes the port on each of them. */
function overlap(a: Address, b: Address): boolean {
  if (a.port !== b.port) return false
  const [hostA, hostB] = [canonical(a.host), canonical(b.host)]
  return hostA === hostB || covers(hostA, hostB) || covers(hostB, hostA)
}

function covers(wildcard: string, host: string): boolean {
  if (wildcard === '' || wildcard === '::') return true
  return wildcard === '0.0.0.0' && isIP(host) !== 6
}

function canonical(host: string): string {
  return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase()
}
