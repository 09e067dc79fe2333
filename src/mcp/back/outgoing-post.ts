// A message as a request to a pool. Transports that want it in one piece have it joined when they ask for it.
import type { Content, RawHeaders } from '../../core/index.ts'
import type { UpstreamRequest } from '../../upstream/index.ts'
import type { Inbound } from '../../wire/index.ts'

export class OutgoingPost implements UpstreamRequest {
  readonly method = 'POST'
  readonly query = ''
  readonly headers: RawHeaders
  readonly content: Content
  readonly inbound: Inbound
  readonly sessionId: string | undefined
  readonly longLived: boolean

  constructor(
    post: Pick<UpstreamRequest, 'headers' | 'sessionId' | 'longLived'> & {
      readonly content: Content
      readonly inbound: Inbound
    },
  ) {
    this.headers = post.headers
    this.content = post.content
    this.inbound = post.inbound
    this.sessionId = post.sessionId
    this.longLived = post.longLived
  }

  get body(): Buffer {
    return this.content.bytes()
  }
}
