// The config keys of a listener that are about how its clients come to it: the plain port that redirects, the public URL.
import { type DocumentOf, path, text } from '../../core/fields.ts'
import { addressField, toAddress } from '../address.ts'
import type { RedirectOptions } from '../options.ts'
import { type SecurityHeadersDocument, toSecurityHeaders } from '../security-headers-schema.ts'

/** An https URL of host and optional port, nothing behind it. */
const HTTPS_ORIGIN = /^https:\/\/(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\/?$/

export const redirectShape = {
  redirect_from: addressField({
    expected: 'an address for plain HTTP: host:port, "[IPv6]:port", or ":port" for all interfaces',
    mend: 'write it in quotes, like "127.0.0.1:8080"',
  })
    .optional()
    .describe(
      'A second address of the listener, for plain HTTP. Every request there is answered with 308 to the same path and query over https: at `external_url`, else at the host it asked for and the port of `listen`. It takes the hosts and limits of the listener and serves nothing. Needs `tls`.',
    ),
  acme_challenge_dir: path('a folder')
    .optional()
    .describe(
      'Folder in which an ACME client leaves its challenges (HTTP-01, RFC 8555): `redirect_from` serves the files in it under `/.well-known/acme-challenge/`, to every host. Files of up to 1 KiB with the name of a token, no links. Without it everything there is GW_NO_ROUTE (404). Relative paths start at the folder of the config file.',
    ),
  external_url: text({
    expected: 'an https URL without path, such as https://mcp.example.com',
    mend: 'write scheme and host, and the port if it is not 443',
    pattern: HTTPS_ORIGIN,
    check: (written) => URL.canParse(written),
    shown: 'as-url',
  })
    .optional()
    .describe(
      'The URL that clients use. `redirect_from` sends them there, and its host is one that the listener answers for, like those of `allowed_hosts`.',
    ),
}

type RedirectDocument = DocumentOf<typeof redirectShape> & {
  readonly security_headers: SecurityHeadersDocument
}

/** Undefined: nothing redirects to the listener. */
export function toRedirectOptions(
  document: RedirectDocument,
  resolvePath: (written: string) => string,
): RedirectOptions | undefined {
  const { redirect_from: from, acme_challenge_dir: folder } = document
  if (from === undefined) return undefined
  return {
    name: from,
    ...toAddress(from),
    acmeChallengeDir: folder === undefined ? undefined : resolvePath(folder),
    securityHeaders: toSecurityHeaders(document.security_headers, false),
  }
}

/** Host, and port where it is not 443, of `external_url`. */
export function toPublicAuthority({ external_url }: RedirectDocument): string | undefined {
  return external_url === undefined ? undefined : new URL(external_url).host
}
