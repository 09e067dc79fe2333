// Starts nginx with one worker, tuned as one would for this: connections kept on both sides, nothing buffered to disk.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf } from '../processor-time.ts'
import type { TargetContext, TargetPorts, TargetRecipe } from './target.ts'

/** `nginx version: nginx/1.22.1`; undefined when there is none. */
export function nginxVersion(): string | undefined {
  const { status, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' })
  return status === 0 ? /nginx\/\S+/.exec(stderr)?.[0] : undefined
}

export function nginxRecipe(context: TargetContext, ports: TargetPorts): TargetRecipe {
  const { children } = context
  const folder = join(context.folder, 'nginx')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig(context, ports, folder))
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

export function nginxConfig(
  { certificate, backend }: Pick<TargetContext, 'certificate' | 'backend'>,
  ports: TargetPorts,
  folder: string,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};`)
    .join('\n')
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
${temporary}
  keepalive_requests 100000000;
  client_body_buffer_size 128k;
  upstream backend {
    server 127.0.0.1:${backend.http};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${ports.http};
    listen 127.0.0.1:${ports.https} ssl http2;
    ssl_certificate ${certificate.certFile};
    ssl_certificate_key ${certificate.keyFile};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`
}
