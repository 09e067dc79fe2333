// Servers of the modern era as views, and what is remembered of them.
export { AnswerPlaces } from './answer-places.ts'
export { createModernBack } from './modern-back.ts'
