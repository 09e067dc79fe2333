// Servers of the legacy era, seen as servers of the modern era.
export { createLegacyBack, type LegacyBack, type LegacyBackContext } from './legacy-back.ts'
export {
  DEFAULT_LEGACY_BACK_OPTIONS,
  legacyBackShape,
  toLegacyBackOptions,
  type LegacyBackOptions,
} from './options.ts'
