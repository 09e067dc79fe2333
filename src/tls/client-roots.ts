// The authorities that are trusted when nobody says whom to trust: those that Node brings, those that NODE_EXTRA_CA_CERTS
// adds, and those of the system, where companies put their own. Node reads them once in a process.
import { getCACertificates } from 'node:tls'

export function trustedRoots(): readonly string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
}
