// The front for clients of the modern era.
export { ModernFront, type ModernFrontContext } from './front.ts'
