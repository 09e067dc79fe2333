// Servers of the legacy era, seen as servers of the modern era.
export { createLegacyBack, type LegacyBack } from './legacy-back.ts'
export { DEFAULT_LEGACY_BACK_OPTIONS, type LegacyBackOptions } from './options.ts'
