// Why a connection to a server was refused, in a sentence for the log that names what the peer showed. What to do about it is
// kept apart; clients get the text that the table of errors has for GW_UPSTREAM_TLS, and neither of the two.
import { type PeerExpectation, reasonOf } from './client-reasons.ts'

/** TLS with the peer did not come about, or must not be used. The message says why. */
export class PeerRefused extends Error {
  override readonly name = 'PeerRefused'
  readonly code = 'TLS_PEER_REFUSED'
  /** What an operator may do about it, in the words of the configuration. */
  readonly mend: string | undefined

  constructor(
    message: string,
    { cause, mend }: { cause?: unknown; mend?: string | undefined } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.mend = mend
  }
}

/** Codes of failures on the way to a connection that are TLS's, not the network's. */
const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|INVALID_|HOSTNAME_MISMATCH|PATH_LENGTH|EPROTO)/

/** Undefined when the failure is not TLS's. */
export function explainPeerFailure(
  error: Error,
  expectation: PeerExpectation,
): PeerRefused | undefined {
  if (error instanceof PeerRefused) return error
  const { code } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || !TLS_CODE.test(code)) return undefined
  const { sentence, mend } = reasonOf(error, expectation)
  return new PeerRefused(sentence, { cause: error, mend })
}
