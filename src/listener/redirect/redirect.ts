// What a listener that only redirects answers: the https URL of what was asked for, an ACME challenge, or a refusal.
import { GatewayError, toGatewayError, type Exchange } from '../../core/index.ts'
import { answerError } from '../error-answer.ts'
import { ACME_CHALLENGE_PREFIX, readChallenge } from './acme-challenge.ts'

const PERMANENT_REDIRECT = 308
const HTTPS_PORT = 443

export interface RedirectParts {
  /** The https listener's own check of Host and Origin: a Host that is not ours is never sent back as a Location. */
  readonly refuse: (exchange: Exchange) => GatewayError | undefined
  /** Host and port of `external_url`. Undefined: the host that the client asked for. */
  readonly publicAuthority: string | undefined
  /** Port of the https listener. */
  readonly port: number
  /** Undefined: there are no challenges here. */
  readonly acmeChallengeDir: string | undefined
  readonly onRefusal: (exchange: Exchange, error: GatewayError) => void
  /** Told of every other exchange, once it is answered. */
  readonly onAnswer: (exchange: Exchange) => void
}

/** Builds what the redirecting listener calls with each exchange. */
export function createRedirect(parts: RedirectParts): (exchange: Exchange) => void {
  const refuse = (exchange: Exchange, error: GatewayError): void => {
    answerError(exchange.answer, error, exchange.id)
    parts.onRefusal(exchange, error)
  }

  return (exchange) => {
    if (exchange.path.startsWith(ACME_CHALLENGE_PREFIX)) {
      answerChallenge(exchange, parts).catch((thrown: unknown) =>
        refuse(exchange, toGatewayError(thrown)),
      )
      return
    }
    const refusal = parts.refuse(exchange)
    if (refusal !== undefined) {
      refuse(exchange, refusal)
      return
    }
    const location = `https://${authorityFor(exchange.authority, parts)}${exchange.path}${exchange.query}`
    exchange.answer.start(PERMANENT_REDIRECT, ['location', location, 'content-length', '0'])
    exchange.answer.end()
    parts.onAnswer(exchange)
  }
}

/** The request's Host was checked to be a name or an address with an optional port, and to be one of ours. */
function authorityFor(authority: string, { publicAuthority, port }: RedirectParts): string {
  if (publicAuthority !== undefined) return publicAuthority
  const host = authority.replace(/:\d+$/, '')
  return port === HTTPS_PORT ? host : `${host}:${port}`
}

/**
 * Whatever the Host is: a certificate authority asks for a name before the certificate has it. The answer is public: it
 * names the account that asked for the certificate, nothing else (RFC 8555 §8.3).
 */
async function answerChallenge(exchange: Exchange, parts: RedirectParts): Promise<void> {
  const { method, path, answer } = exchange
  const isReading = method === 'GET' || method === 'HEAD'
  const token = path.slice(ACME_CHALLENGE_PREFIX.length)
  const folder = parts.acmeChallengeDir
  const content = isReading && folder !== undefined ? await readChallenge(folder, token) : undefined
  if (content === undefined) throw new GatewayError('GW_NO_ROUTE', 'no such challenge')
  const headers = ['content-type', 'application/octet-stream']
  answer.start(200, [...headers, 'content-length', String(content.length)])
  answer.end(method === 'HEAD' ? undefined : content)
  parts.onAnswer(exchange)
}
