// Views whose calls plugins look at.
export { createPluggedView } from './plugged-view.ts'
