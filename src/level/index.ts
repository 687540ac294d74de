/**
 * The public entry `byre/level`: a table as an `abstract-level` database. Needs the peer dependency `abstract-level`.
 * Callers must import nothing of `byre/level` but what stands here.
 */
export { ByreLevel, type ByreLevelOptions } from './level.ts';
