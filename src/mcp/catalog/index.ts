// Several servers as one, and rules for the tools of one.
export type { CatalogMember, CatalogObserver } from './context.ts'
export { createMergedView, type MergedView } from './merged-view.ts'
export { createNamedTools } from './server-tools.ts'
export { stringifyResult } from './serialised.ts'
