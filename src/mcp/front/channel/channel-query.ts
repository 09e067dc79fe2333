// Where a client of HTTP+SSE posts: the URL of its event stream, with one parameter more. Written as a query alone, it is
// resolved against the URL that the client used, so that no proxy with paths of its own can make it wrong.

/** No server behind the gateway is likely to have a parameter of this name. */
const PARAMETER = 'sallyport-channel'

const OWN = new RegExp(`[?&]${PARAMETER}=([^&]*)`)

/** The relative reference (RFC 3986 §4.2) for the `endpoint` event; keeps what the client's own query says. */
export function channelReference(query: string, sealedId: string): string {
  const own = withoutChannel(query)
  return `${own === '' ? '?' : `${own}&`}${PARAMETER}=${sealedId}`
}

/** The sealed id of the channel that a message is posted to; undefined: to none. */
export function channelOf(query: string): string | undefined {
  return query === '' ? undefined : OWN.exec(query)?.[1]
}

/** The query as the client itself would have it. */
export function withoutChannel(query: string): string {
  if (channelOf(query) === undefined) return query
  const others = query
    .slice(1)
    .split('&')
    .filter((pair) => !pair.startsWith(`${PARAMETER}=`))
  return others.length === 0 ? '' : `?${others.join('&')}`
}
