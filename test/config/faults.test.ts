import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatFault, loadConfig } from '../../src/config/index.ts'
import { changed, faultLines, faultsOf, MINIMAL, tempFolder } from './config-file.ts'

interface FaultCase {
  readonly what: string
  readonly text: string
  readonly line: string
  readonly also?: string
}

const LISTEN = 'listen: 127.0.0.1:8443'

const cases: readonly FaultCase[] = [
  {
    what: 'a missing key, at the key around it',
    text: MINIMAL.replace(
      '  files:\n    endpoints:\n      - command: npx\n',
      '  files: {response_timeout: 1s}\n',
    ),
    line: '7:3: servers.files.endpoints: expected a list with at least one endpoint, got nothing; add one',
  },
  {
    what: 'a missing key of a list item, at the item',
    text: changed(LISTEN, 'allowed_hosts: []'),
    line: '2:5: listeners[0].listen: expected host:port, "[IPv6]:port", or ":port" for all interfaces, got nothing; write it in quotes, like "127.0.0.1:8443"',
  },
  {
    what: 'a key without value',
    text: `${MINIMAL}limits:\n  max_headers:\n`,
    line: '14:3: limits.max_headers: expected an integer from 8 to 2000, got nothing; write a value, or remove the key',
  },
  {
    what: 'a value of the wrong type',
    text: `${MINIMAL}limits: {max_headers: many}\n`,
    line: '13:23: limits.max_headers: expected an integer from 8 to 2000, got "many"; write a number in that range',
  },
  {
    what: 'a number out of range',
    text: `${MINIMAL}limits: {max_headers: 7}\n`,
    line: '13:23: limits.max_headers: expected an integer from 8 to 2000, got 7; write a number in that range',
  },
  {
    what: 'a number that is not an integer',
    text: `${MINIMAL}limits: {max_headers: 8.5}\n`,
    line: '13:23: limits.max_headers: expected an integer from 8 to 2000, got 8.5; write a number in that range',
  },
  {
    what: 'a duration without unit',
    text: `${MINIMAL}drain_timeout: 30\n`,
    line: '13:16: drain_timeout: expected a duration from 0s to 1h, got 30; write a number with its unit (ms, s, m, h, d), like "30s"',
  },
  {
    what: 'a duration out of range',
    text: `${MINIMAL}drain_timeout: 61m\n`,
    line: '13:16: drain_timeout: expected a duration from 0s to 1h, got "61m"; write a number with its unit (ms, s, m, h, d), like "30s"',
  },
  {
    what: 'a size in a unit that does not exist',
    text: `${MINIMAL}limits:\n  max_body_bytes: 4MB\n`,
    line: '14:19: limits.max_body_bytes: expected a size from 1KiB to 256MiB, got "4MB"; write a number with its unit (B, KiB, MiB, GiB), like "4MiB"',
  },
  {
    what: 'a size out of range',
    text: `${MINIMAL}limits:\n  max_body_bytes: 1B\n`,
    line: '14:19: limits.max_body_bytes: expected a size from 1KiB to 256MiB, got "1B"; write a number with its unit (B, KiB, MiB, GiB), like "4MiB"',
  },
  {
    what: 'a choice that is none',
    text: `${MINIMAL}log: {level: trace}\n`,
    line: '13:14: log.level: expected one of debug, info, warn, error, got "trace"; choose one of them',
  },
  {
    what: 'a switch that is neither on nor off',
    text: `${MINIMAL}log: {access: yes}\n`,
    line: '13:15: log.access: expected true or false, got "yes"; write true or false, without quotes',
  },
  {
    what: 'a list where a map is due',
    text: `${MINIMAL}log: [info]\n`,
    line: '13:6: log: expected a map, got a list of 1; write its keys below it, indented',
  },
  {
    what: 'a text where a server is due',
    text: changed('  files:\n    endpoints:\n      - command: npx\n', '  files: npx\n'),
    line: '7:10: servers.files: expected a map with endpoints, by url or by command, got a string (not shown); write endpoints below it, indented',
  },
  {
    what: 'an empty list where one item is due',
    text: changed('endpoints:\n      - url: http://127.0.0.1:5051/mcp', 'endpoints: []'),
    line: '5:16: servers.weather.endpoints: expected a list with at least one endpoint, got an empty list; add one',
  },
  {
    what: 'an unknown key with a likely meaning',
    text: changed(LISTEN, `${LISTEN}\n    allowed_host: [a]`),
    line: '3:5: listeners[0].allowed_host: expected a key that exists here, got the unknown key "allowed_host"; did you mean "allowed_hosts"?',
  },
  {
    what: 'an unknown key in another habit of writing',
    text: `${MINIMAL}limits: {maxBodyBytes: 1MiB}\n`,
    line: '13:10: limits.maxBodyBytes: expected a key that exists here, got the unknown key "maxBodyBytes"; did you mean "max_body_bytes"?',
  },
  {
    what: 'a key in the wrong map',
    text: `${MINIMAL}max_headers: 10\n`,
    line: '13:1: max_headers: expected a key that exists here, got the unknown key "max_headers"; did you mean limits.max_headers?',
  },
  {
    what: 'an unknown key that is like none',
    text: `${MINIMAL}sessions: {cookie: a}\n`,
    line: '13:12: sessions.cookie: expected a key that exists here, got the unknown key "cookie"; remove it; known here: max_sessions, idle_timeout, answer_timeout, replay, keys',
  },
  {
    what: 'a key that JavaScript would take for something else',
    text: `${MINIMAL}sessions: {__proto__: {keys: []}}\n`,
    line: '13:12: sessions.__proto__: expected a key that exists here, got the unknown key "__proto__"; remove it; known here: max_sessions, idle_timeout, answer_timeout, replay, keys',
  },
  {
    what: 'a key twice',
    text: `${MINIMAL}routes: []\n`,
    line: '13:1: routes: expected each key once, got a second one (first on line 10); remove one of the two',
  },
  {
    what: 'a server name that cannot be one',
    text: changed('  files:\n', '  Files!:\n').replace('[files]', '[weather]'),
    line: '7:3: servers["Files!"]: expected a name of a-z, 0-9, "-" and "_" that starts with a letter or digit, got "Files!"; rename the server',
  },
  {
    what: 'an endpoint with url and command',
    text: changed('- command: npx', '- {command: npx, url: http://a/}'),
    line: '9:9: servers.files.endpoints[0]: expected either url or command, got both; remove one of the two',
  },
  {
    what: 'an endpoint with neither url nor command',
    text: changed('- command: npx', '- comand: npx'),
    line: '9:9: servers.files.endpoints[0]: expected either url or command, got neither; did you mean "command" by "comand"?',
  },
  {
    what: 'a server with endpoints of both kinds',
    text: changed('- command: npx', '- command: npx\n      - url: http://a/'),
    line: '10:9: servers.files.endpoints[1]: expected a command, like the server’s other endpoints, got a url; make it a server of its own',
  },
  {
    what: 'a key of command servers on a url server',
    text: changed('  files:\n', '    stdio: {max_children: 2}\n  files:\n'),
    line: '7:5: servers.weather.stdio: expected a key that exists here, got the unknown key "stdio"; it is for a server with command endpoints: remove it',
  },
  {
    what: 'a key of url servers on a command server',
    text: changed('- command: npx\n', '- command: npx\n    idle_timeout: 1s\n'),
    line: '10:5: servers.files.idle_timeout: expected a key that exists here, got the unknown key "idle_timeout"; it is for a server with url endpoints: remove it',
  },
  {
    what: 'a route to an unknown server',
    text: changed('[weather]', '[wether]'),
    line: '11:28: routes[0].servers[0]: expected the name of a server under servers, got "wether"; did you mean "weather"?',
  },
  {
    what: 'a route that leads to a server twice',
    text: changed('[weather]', '[weather, files, weather]'),
    line: '11:44: routes[0].servers[2]: expected every server once, got "weather", which servers[0] is; remove it',
  },
  {
    what: 'two routes with one path',
    text: changed('path: /files', 'path: /mcp'),
    line: '12:12: routes[1].path: expected a path of its own, got "/mcp", which routes[0] has; change it, or remove one of the two routes',
  },
  {
    what: 'a certificate file that is not there',
    text: changed(
      LISTEN,
      `${LISTEN}\n    tls: {cert_file: /nowhere/a.crt, key_file: /nowhere/a.key}`,
    ),
    line: '3:22: listeners[0].tls.cert_file: expected a PEM file with a certificate, got no file at /nowhere/a.crt; correct the path, or create the file',
    also: '3:48: listeners[0].tls.key_file: expected a PEM file with a private key, got no file at /nowhere/a.key; correct the path, or create the file',
  },
  {
    what: 'HTTP/2 without tls',
    text: changed(LISTEN, `${LISTEN}\n    http2: true`),
    line: '3:12: listeners[0].http2: expected HTTP/2 only with tls, got true on a plain-HTTP listener; add tls, or remove http2',
  },
  {
    what: 'two listeners on one address',
    text: changed(LISTEN, `${LISTEN}\n  - ${LISTEN}`),
    line: '3:13: listeners[1].listen: expected an address of its own, got port 8443, which listeners[0].listen has on the same interface; choose another port',
  },
  {
    what: 'an admin listener on the address of a listener',
    text: `${MINIMAL}admin: {listen: "127.0.0.1:8443"}\n`,
    line: '13:17: admin.listen: expected an address of its own, got port 8443, which listeners[0].listen has on the same interface; choose another port',
  },
  {
    what: 'an admin listener beyond loopback',
    text: `${MINIMAL}admin: {listen: "0.0.0.0:9443"}\n`,
    line: '13:17: admin.listen: expected a loopback address with port, such as "127.0.0.1:9443", got "0.0.0.0:9443"; put a proxy that asks callers who they are before it, if others need it',
  },
  {
    what: 'a listener beyond loopback',
    text: changed(LISTEN, 'listen: 10.0.0.1:8443\n    allowed_hosts: [a]'),
    line: '2:13: listeners[0].listen: expected a loopback address, or tls with client_auth: verify, as nothing else authenticates callers yet, got "10.0.0.1:8443"; listen on 127.0.0.1, set client_auth: verify with client_ca_file, or set insecure_allow_public: true',
  },
  {
    what: 'a plain-HTTP listener beyond loopback that knows no name of its own',
    text: `${changed(LISTEN, 'listen: ":8443"\n    allowed_hosts: []')}insecure_allow_public: true\n`,
    line: '3:20: listeners[0].allowed_hosts: expected at least one host name on a plain-HTTP listener beyond loopback, got none; write the names that clients use, like allowed_hosts: [mcp.example.com]',
  },
  {
    what: 'a request timeout below the header timeout',
    text: `${MINIMAL}limits: {request_timeout: 5s}\n`,
    line: '13:27: limits.request_timeout: expected at least header_timeout, 10s, got "5s"; raise it, or lower header_timeout',
  },
  {
    what: 'a header timeout above the default request timeout',
    text: `${MINIMAL}limits: {header_timeout: 5m}\n`,
    line: '13:26: limits.header_timeout: expected at most request_timeout, 120s, got "5m"; lower it, or set request_timeout as well',
  },
  {
    what: 'a short session key, without showing it',
    text: `${MINIMAL}sessions:\n  keys: [hunter2]\n`,
    line: '14:10: sessions.keys[0]: expected a secret of at least 32 characters, got a string (not shown); make one with: openssl rand -base64 32',
  },
]

describe('a fault', () => {
  it.each(cases)('is told for $what', ({ text, line, also = [] }) => {
    const lines = [line, also].flat().map((each) => `sallyport.yaml:${each}`)
    expect(faultLines(text)).toEqual(lines)
  })

  it('is told for all that is wrong, in the order of the file, then of the variables', () => {
    const text = `listeners:
  - listen: 10.0.0.1:1
    allowed_hosts: [a, "b:1"]
  - lisen: 127.0.0.1:2
servers:
  weather:
    endpoints: [{url: ftp://a}]
    max_streams: "\${STREAMS}"
routes:
  - {path: mcp, servers: [whether]}
routes: []
sessions: {keys: ["\${KEY}"]}
limits: {header_timeout: 1}
`
    const faults = faultsOf(text, { STREAMS: 'x', SALLYPORT__LOG__LEVL: 'info' })
    expect(
      faults.map(({ path, place }) => [path, 'line' in place ? place.line : place.kind]),
    ).toEqual([
      ['listeners[0].listen', 2],
      ['listeners[0].allowed_hosts[1]', 3],
      ['listeners[1].listen', 4],
      ['listeners[1].lisen', 4],
      ['servers.weather.endpoints[0].url', 7],
      ['servers.weather.max_streams', 8],
      ['routes[0].path', 10],
      ['routes', 11],
      ['sessions.keys[0]', 12],
      ['limits.header_timeout', 13],
      ['', 'variable'],
    ])
  })

  it('is told for a file that is not there, is a folder, or is too long', () => {
    const folder = tempFolder()
    const lines = (file: string): readonly string[] => {
      const loaded = loadConfig({ file, env: {}, cwd: folder })
      return loaded.ok ? [] : loaded.faults.map(formatFault)
    }
    writeFileSync(join(folder, 'long.yaml'), `# ${'x'.repeat(1_048_576)}`)
    expect([...lines('none.yaml'), ...lines('.'), ...lines('long.yaml')]).toEqual([
      `none.yaml: expected a configuration file, got no file at ${folder}/none.yaml; correct the path, or create the file, or name another one with -c FILE`,
      `.: expected a configuration file, got a folder at ${folder}; name the file in it, or name another one with -c FILE`,
      'long.yaml: expected a file of at most 1048576 bytes, got 1048578 bytes; shorten it',
    ])
  })

  it('is told for an empty file: all that is required', () => {
    expect(faultsOf('').map(({ path }) => path)).toEqual(['listeners', 'servers', 'routes'])
  })

  it('is told for a document that is no map', () => {
    expect(faultLines('- a\n')).toEqual([
      'sallyport.yaml:1:1: expected a map with listeners, servers and routes, got a list of 1; write its keys below it, indented',
    ])
  })
})
