/**
 * The public entry for real directories: `byre/host`. Importing and exporting, and what differs between two branches.
 * Nothing else of this folder is public, and nothing may import this file but the package's entries.
 */
export type { HostBranch } from './branch.ts';
export { type Aspects, compareBranches, type FileChange } from './changes.ts';
export { type ExportOptions, type ExportReport, exportDirectory, exportDirectorySync } from './export.ts';
export {
  findUnchanged,
  type ImportOptions,
  type ImportReport,
  importDirectory,
  importDirectorySync,
  type Problem,
  type ProblemKind,
} from './import.ts';
