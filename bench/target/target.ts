// What the bench measures: something that listens on known ports and consists of known processes.
import type { ChildProcess } from 'node:child_process'
import type { CallScript } from '../call.ts'
import type { BackendPorts } from '../backend.ts'
import type { CertificateFiles } from '../certificate.ts'
import type { Children } from '../children.ts'

/** At the least a port for HTTP in the clear, where a target is asked whether it is up. */
export interface AnyPorts {
  readonly http: number
}

export interface TargetPorts extends AnyPorts {
  /** TLS, asked for HTTP/1.1. */
  readonly https: number
  /** TLS, asked for HTTP/2. The same as `https` where one listener does both. */
  readonly http2: number
}

export type TargetName =
  | 'direct'
  | 'node-proxy'
  | 'nginx'
  | 'sallyport'
  | 'sallyport, access log'
  | LaneTargetName

/** The gateway again, with configurations that make messages take one lane or the other. */
export type LaneTargetName =
  | 'straight lane'
  | 'translating'
  | 'merging'
  | 'merging legacy'
  | 'listing'

/** What a target is started with. */
export interface TargetContext {
  readonly children: Children
  /** For what the target writes; gone with the run. */
  readonly folder: string
  readonly certificate: CertificateFiles
  readonly backend: BackendPorts
}

/** A target as a recipe: it may be started more than once, on the same ports, one after the other. */
export interface TargetRecipe<P extends AnyPorts = TargetPorts> {
  readonly name: TargetName
  readonly ports: P
  /** By whose answer it is seen that the target is up. Default: a call of the modern era. */
  readonly firstCall?: CallScript
  spawn(): ChildProcess
  /** The processes whose time is the target's cost, once it answers. */
  pids(child: ChildProcess): readonly number[]
  /** Called between measurements: keeps what the target writes from filling the disk. */
  tidy(): void
  /** The end of what it logged, for when it does not start. */
  lastWords(): string
}

export interface Target<P extends AnyPorts = TargetPorts> {
  readonly name: TargetName
  readonly ports: P
  readonly pids: readonly number[]
  tidy(): void
}
