// An example served as it stands: in a folder of its own with the files it names, on free ports, reached by real clients.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { dirname, join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import { parse } from 'yaml'
import type { PostedMessage } from '../support/mcp-messages.ts'
import { type Running, folderWith, startCli } from './run-cli.ts'

export const EXAMPLES = resolve(import.meta.dirname, '../../examples')

export interface ExampleRequest {
  /** Values of the variables in the example, and `SALLYPORT__…` for its addresses. */
  readonly env?: Readonly<Record<string, string>>
  /** File to copy by the path that the example names. */
  readonly files?: Readonly<Record<string, string>>
  /** Default: a new one. */
  readonly folder?: string
}

export interface ServedExample extends Running {
  readonly folder: string
  /** In the order of the listeners; one that redirects comes after the one it leads to. */
  readonly urls: readonly string[]
  /** The first. */
  readonly url: string
  readonly adminUrl: string | undefined
}

interface Document {
  readonly listeners: readonly { readonly redirect_from?: string }[]
  readonly admin?: object
}

/** `name` within examples/, such as `tls/https.yaml`. */
export async function serveExample(
  name: string,
  { env = {}, files = {}, folder = folderWith({}) }: ExampleRequest = {},
): Promise<ServedExample> {
  const source = join(EXAMPLES, name)
  copyFileSync(source, join(folder, 'sallyport.yaml'))
  for (const [path, file] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(file, join(folder, path))
  }
  const { listeners, admin } = parse(readFileSync(source, 'utf8')) as Document
  const running = startCli(['serve'], {
    cwd: folder,
    env: { SALLYPORT__STATE_DIR: 'state', ...freePorts(listeners, admin !== undefined), ...env },
  })
  const count = listeners.length + listeners.filter((each) => each.redirect_from).length
  const [text] = await running.line(new RegExp(`(?:^listening on \\S+\\n){${count}}`, 'm'))
  const urls = [...text.matchAll(/on (\S+)/g)].map(([, url = '']) => url)
  const [, adminUrl] = admin === undefined ? [] : await running.line(/^admin on (\S+)$/m)
  return { ...running, folder, urls, url: urls[0] ?? '', adminUrl }
}

function freePorts(listeners: Document['listeners'], hasAdmin: boolean): Record<string, string> {
  const free = '127.0.0.1:0'
  const entries = listeners.flatMap(({ redirect_from: redirect }, index) => [
    [`SALLYPORT__LISTENERS__${index}__LISTEN`, free],
    ...(redirect === undefined ? [] : [[`SALLYPORT__LISTENERS__${index}__REDIRECT_FROM`, free]]),
  ])
  return Object.fromEntries([...entries, ...(hasAdmin ? [['SALLYPORT__ADMIN__LISTEN', free]] : [])])
}

export interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What is shown, what is trusted, what is asked for; and the Host header, where it is not that of the URL. */
export interface CallOptions extends ConnectionOptions {
  host?: string | undefined
}

const PING: PostedMessage = {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
  },
  body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
}

/** A call over a connection of its own. Rejects with the failure of the handshake. */
export async function call(
  url: string,
  { host, ...tls }: CallOptions = {},
  { method, headers, body }: PostedMessage = PING,
): Promise<Answer> {
  const request = url.startsWith('https:') ? requestTls : requestPlain
  const named = host === undefined ? headers : { ...headers, host }
  const response = await new Promise<IncomingMessage>((done, fail) => {
    const options = { agent: false, ...tls, method, headers: named }
    request(url, options, done).once('error', fail).end(body)
  })
  const bytes = await buffer(response)
  return { status: response.statusCode, headers: response.headers, body: bytes.toString() }
}
