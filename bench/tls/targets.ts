// The targets of the handshakes and of the idle connections: each with a plain port and one for each certificate, and told
// the same about TLS as far as it can be told.
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import type { CertificateFiles } from '../certificate.ts'
import { freePorts } from '../target/free-ports.ts'
import { nginxRecipe } from '../target/nginx.ts'
import { nodeProxyRecipe } from '../target/node-proxy.ts'
import { sallyportRecipe, sallyportServers, type SallyportProgram } from '../target/sallyport.ts'
import type { AnyPorts, TargetContext, TargetRecipe } from '../target/target.ts'
import type { CertificateKey } from './handshake.ts'

/** In the clear, and over TLS with either certificate. */
export interface TlsPorts extends AnyPorts, Readonly<Record<CertificateKey, number>> {
  /** Where the target says how many connections it has turned away; only the gateway does. */
  readonly admin?: number
}

export type TlsCertificates = Readonly<Record<CertificateKey, CertificateFiles>>

/**
 * The gateway's defaults, for nginx, less the hybrid group that OpenSSL 3.0 does not have. Both seal tickets instead of keeping
 * sessions, and take them for an hour.
 */
export const NGINX_TLS: readonly string[] = [
  'ssl_protocols TLSv1.2 TLSv1.3;',
  'ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;',
  'ssl_prefer_server_ciphers on;',
  'ssl_ecdh_curve X25519:P-256:P-384;',
  'ssl_session_cache off;',
  'ssl_session_tickets on;',
  'ssl_session_timeout 1h;',
]

export interface TlsTargetsOrder {
  readonly context: Pick<TargetContext, 'children' | 'folder' | 'backend'>
  readonly certificates: TlsCertificates
  readonly program: SallyportProgram
  readonly hasNginx: boolean
}

export async function tlsRecipes({
  context,
  certificates,
  program,
  hasNginx,
}: TlsTargetsOrder): Promise<TargetRecipe<TlsPorts>[]> {
  const { p256, rsa2048 } = certificates
  const own = await threePorts()
  const recipes: TargetRecipe<TlsPorts>[] = [
    nodeProxyRecipe<TlsPorts>(context, own, [
      { protocol: 'http', port: own.http },
      { protocol: 'https', port: own.p256, certificate: p256 },
      { protocol: 'https', port: own.rsa2048, certificate: rsa2048 },
    ]),
  ]
  if (hasNginx) {
    const ports = await threePorts()
    const servers = [
      { certificate: p256, listens: [`${ports.http}`, `${ports.p256} ssl http2`] },
      { certificate: rsa2048, listens: [`${ports.rsa2048} ssl http2`] },
    ]
    const nginx = { ...context, certificate: p256 }
    recipes.push(nginxRecipe<TlsPorts>(nginx, ports, { servers, directives: NGINX_TLS }))
  }
  const [admin = 0] = await freePorts(1)
  const ports = { ...(await threePorts()), admin }
  const config = tlsConfig(ports, certificates, context.backend)
  recipes.push(sallyportRecipe<TlsPorts>(context, ports, { name: 'sallyport', program, config }))
  return recipes
}

async function threePorts(): Promise<TlsPorts> {
  const [http = 0, p256 = 0, rsa2048 = 0] = await freePorts(3)
  return { http, p256, rsa2048 }
}

/** The gateway as it comes, but with room for what the bench does: it opens connections faster than anybody should. */
export function tlsConfig(
  ports: TlsPorts,
  { p256, rsa2048 }: TlsCertificates,
  backend: TargetContext['backend'],
): string {
  return `listeners:
  - listen: "127.0.0.1:${ports.http}"
  - listen: "127.0.0.1:${ports.p256}"
    tls: {cert_file: ${p256.certFile}, key_file: ${p256.keyFile}}
  - listen: "127.0.0.1:${ports.rsa2048}"
    tls: {cert_file: ${rsa2048.certFile}, key_file: ${rsa2048.keyFile}}
${sallyportServers(backend)}limits:
  accept_rate: 1000000
  accept_burst: 1000000
  idle_timeout: 10m
admin: {listen: "127.0.0.1:${ports.admin}"}
state_dir: state
`
}

const SHED_SAMPLE = /^sallyport_connections_shed_total\{[^}]*\} (\S+)$/gm

/** Connections that the gateway has refused or cut so far, for any reason. */
export async function shedCount(adminPort: number): Promise<number> {
  const metrics = await new Promise<string>((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port: adminPort, path: '/metrics' }, (answer) => {
      if (answer.statusCode === 200) text(answer).then(resolve, reject)
      else reject(new Error(`/metrics answered with ${answer.statusCode}`))
    })
    request.once('error', reject)
  })
  if (!metrics.includes('sallyport_connections_shed_total')) {
    throw new Error('/metrics does not say how many connections were turned away')
  }
  return [...metrics.matchAll(SHED_SAMPLE)].reduce((sum, [, value]) => sum + Number(value), 0)
}
