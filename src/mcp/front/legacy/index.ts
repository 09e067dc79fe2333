// The front for clients of the legacy era.
export { LegacyFront } from './front.ts'
