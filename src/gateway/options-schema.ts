// The config keys of the gateway as a whole, besides those that a stage brings: admin listener, state, drain.
import { isLoopback } from '../admission/index.ts'
import { duration, flag, path, section } from '../core/fields.ts'
import { addressField, parseAddress } from '../listener/options-schema.ts'
import type { AdminOptions } from './options.ts'

const adminSchema = section({
  listen: addressField(
    {
      expected: 'a loopback address with port, such as "127.0.0.1:9443"',
      mend: 'put a proxy that asks callers who they are before it, if others need it',
    },
    ({ host }) => isLoopback(host),
  ).describe(
    'Address of the admin listener: plain HTTP with `/metrics`, `/health`, `/healthz` and `/readyz`. Loopback only, since nobody is asked who they are; port 0 lets the system choose.',
  ),
})

/** The keys at the top of the file that belong to no stage. */
export const gatewayShape = {
  admin: adminSchema.optional().describe('The admin listener. Without it there is none.'),
  state_dir: path('a folder')
    .optional()
    .describe(
      'Folder for what must outlast a restart: the key that seals session ids, if `sessions.keys` is empty. Made when missing, for its owner alone (0700). Relative paths start at the folder of the config file. Default: `$XDG_STATE_HOME/sallyport`, else `~/.local/state/sallyport`.',
    ),
  drain_timeout: duration({ min: '0s', max: '1h' })
    .default('30s')
    .describe(
      'How long calls under way may go on after SIGTERM or SIGINT. Then they are cut; a second signal cuts them at once.',
    ),
  tls_reload_interval: duration({ min: '1s', max: '1d' })
    .default('5m')
    .describe(
      'How often the files of certificates, keys, authorities and revocation lists are looked at for changes that nothing told of, as on network file systems. Changes on a local disk are seen at once, and SIGHUP reads all of them anew.',
    ),
  insecure_allow_public: flag()
    .default(false)
    .describe(
      'Allow listeners beyond loopback although nothing authenticates callers: whoever reaches the address can call every server. Listeners with `client_auth: verify` and `client_ca_file` are allowed without it. Said again in the log at every start.',
    ),
}

export function toAdminOptions({ listen }: { readonly listen: string }): AdminOptions {
  const address = parseAddress(listen)
  if (address === undefined) throw new Error(`an address that the schema let through: ${listen}`)
  return { name: listen, ...address }
}
