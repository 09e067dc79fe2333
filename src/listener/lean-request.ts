// Node's request without the cost of its `headers`. Node looks at one or two fields of every request, by way of an object
// for which it goes through all of them; the stages behind read the raw list, where nothing is lost.
import { IncomingMessage } from 'node:http'
import type { RawHeaders } from '../core/index.ts'
import { fieldValue } from './raw-headers.ts'

/** The fields that Node's server asks for. */
class AskedFields {
  readonly #raw: RawHeaders

  constructor(raw: RawHeaders) {
    this.#raw = raw
  }

  get expect(): string | undefined {
    return fieldValue(this.#raw, 'expect')
  }

  get host(): string | undefined {
    return fieldValue(this.#raw, 'host')
  }

  get te(): string | undefined {
    return fieldValue(this.#raw, 'te')
  }
}

/** For `createServer`. Only `rawHeaders` has all fields. */
export class LeanRequest extends IncomingMessage {}

// A property for the types, an accessor in truth, so it cannot be overridden in the class itself.
Object.defineProperty(LeanRequest.prototype, 'headers', {
  get(this: LeanRequest) {
    return new AskedFields(this.rawHeaders)
  },
})
