// Starts nginx with one worker, tuned as one would for this: connections kept on both sides, nothing buffered to disk.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificateFiles } from '../certificate.ts'
import { childrenOf } from '../processor-time.ts'
import type { AnyPorts, TargetContext, TargetRecipe } from './target.ts'

export interface NginxVersion {
  /** `nginx/1.22.1`. */
  readonly nginx: string
  /** `OpenSSL 3.0.22`. */
  readonly openssl: string
}

/** Undefined when there is none. */
export function nginxVersion(): NginxVersion | undefined {
  const { status, stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' })
  if (status !== 0) return undefined
  // "built with OpenSSL 3.0.17 1 Jul 2025 (running with OpenSSL 3.0.22 25 Aug 2026)": the last one is what runs.
  const libraries = stderr.match(/OpenSSL \d\S*/g)
  return {
    nginx: /nginx\/\S+/.exec(stderr)?.[0] ?? 'nginx',
    openssl: libraries?.at(-1) ?? 'an unknown TLS library',
  }
}

export interface NginxServer {
  readonly certificate: CertificateFiles
  /** What follows `listen 127.0.0.1:`: a port, and what is spoken there. */
  readonly listens: readonly string[]
}

export interface NginxOrder {
  readonly servers: readonly NginxServer[]
  /** Directives for all servers, one each line. */
  readonly directives?: readonly string[]
}

export function nginxRecipe<P extends AnyPorts>(
  context: TargetContext,
  ports: P,
  order: NginxOrder,
): TargetRecipe<P> {
  const { children } = context
  const folder = join(context.folder, 'nginx')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(context.backend.http, folder, order))
  return {
    name: 'nginx',
    ports,
    spawn: () =>
      children.start({
        role: 'target',
        command: 'nginx',
        args: ['-p', folder, '-c', 'nginx.conf', '-e', join(folder, 'error.log')],
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    // The master only waits.
    pids: (child) => childrenOf(child.pid as number),
    tidy: () => {},
    // Its errors come out where those of the bench do.
    lastWords: () => '',
  }
}

function nginxConfig(
  backendPort: number,
  folder: string,
  { servers, directives = [] }: NginxOrder,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  ${[...temporary, ...directives].join('\n  ')}
  keepalive_requests 100000000;
  client_body_buffer_size 128k;
  upstream backend {
    server 127.0.0.1:${backendPort};
    keepalive 256;
    keepalive_requests 100000000;
  }
${servers.map(serverBlock).join('\n')}
}
`
}

function serverBlock({ certificate, listens }: NginxServer): string {
  return `  server {
    ${listens.map((listen) => `listen 127.0.0.1:${listen};`).join('\n    ')}
    ssl_certificate ${certificate.certFile};
    ssl_certificate_key ${certificate.keyFile};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }`
}
