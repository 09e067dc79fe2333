// Options of admission: which Host and Origin a listener answers to.

export interface HostOriginOptions {
  /** Host names (lower case, no port) that the listener answers for, besides those of its certificate and of loopback. */
  readonly allowedHosts: readonly string[]
  /** Origins (`https://app.example.com`, port included where it is not the default) whose pages may call. */
  readonly allowedOrigins: readonly string[]
}
