// A server of the modern era behind a pool, as a view. Little is translated: the vocabulary of views is this era's own.
import type { Pool } from '../../../routing/index.ts'
import { RPC_CODE } from '../../translate/errors.ts'
import type {
  ListenRequest,
  ListenSink,
  ServerView,
  ViewCall,
  ViewRequest,
  ViewSink,
} from '../../view/server-view.ts'
import { ModernCall } from './modern-call.ts'
import { ModernListen } from './modern-listen.ts'
import { ModernServer, type ModernBackContext } from './modern-server.ts'
import { isSendable } from './outgoing.ts'

export type { ModernBackContext } from './modern-server.ts'

export function createModernBack(pool: Pool, context: ModernBackContext): ServerView {
  return new ModernBack(pool, context)
}

class ModernBack implements ServerView {
  readonly #server: ModernServer

  constructor(pool: Pool, context: ModernBackContext) {
    this.#server = new ModernServer(pool, this, context)
  }

  get name(): string {
    return this.#server.name
  }

  call(request: ViewRequest, sink: ViewSink): ViewCall {
    if (!isSendable(request.method)) return refused(sink)
    const call = new ModernCall(this.#server, request, sink)
    call.begin()
    return call
  }

  listen(request: ListenRequest, sink: ListenSink): ViewCall {
    const listen = new ModernListen(this.#server, request, sink)
    listen.begin()
    return listen
  }
}

function refused(sink: ViewSink): ViewCall {
  let isCancelled = false
  queueMicrotask(() => {
    if (!isCancelled) sink.onError({ code: RPC_CODE.methodNotFound, message: 'Method not found' })
  })
  return {
    cancel: () => {
      isCancelled = true
    },
  }
}
