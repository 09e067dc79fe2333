// The front for clients of the modern era.
export { ModernFront } from './front.ts'
