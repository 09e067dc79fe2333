// What `npm start` prints once the demo stands: where it is, and how to call it.
import type { Demo } from './demo.ts'

export function greeting({ url, caFile, configFile }: Pick<Demo, 'url' | 'caFile' | 'configFile'>) {
  const demo = `${url}/demo`
  const everything = `${url}/everything`
  const mcpServers = {
    demo: { type: 'http', url: demo },
    everything: { type: 'http', url: everything },
  }
  return `Sallyport is up.

  ${demo}  two replicas of a small MCP server
  ${everything}  @modelcontextprotocol/server-everything, over stdio

Call a tool; call it again, and the other replica answers:

  ${curlLine(demo, caFile)}

For an MCP client:

  ${JSON.stringify({ mcpServers })}

A client that runs on Node trusts the certificate when it is started with:

  NODE_EXTRA_CA_CERTS=${quoted(caFile)}

Configuration: ${configFile}
Ctrl-C stops it and leaves nothing running.
`
}

/** A whole tool call of the modern era (MCP 2026-07-28 transports): what its headers say is what its body says. */
function curlLine(url: string, caFile: string): string {
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'whoami',
      arguments: {},
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }
  const headers = [
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'MCP-Protocol-Version: 2026-07-28',
    `Mcp-Method: ${call.method}`,
    `Mcp-Name: ${call.params.name}`,
  ]
  return [
    // A proxy that the environment asks for would not find this machine's loopback address.
    `curl -sS --noproxy '*' --cacert ${quoted(caFile)} ${url}`,
    ...headers.map((header) => `-H ${quoted(header)}`),
    `-d ${quoted(JSON.stringify(call))}`,
  ].join(' ')
}

/** For a POSIX shell: as it is when no character has a meaning there, else in single quotes. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
