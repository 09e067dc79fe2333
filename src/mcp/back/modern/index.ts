// Servers of the modern era as views, and what is remembered of them.
export { AnswerPlaces } from './answer-places.ts'
export { createModernBack, type ModernBackContext } from './modern-back.ts'
