/**
 * What a merge of files cannot decide by itself, and who decides.
 * Callers' deciders must not call into the pool, and must give one answer each time they are asked about one conflict.
 */
import type { Attributes } from '../attributes.ts';

/**
 * - `content`: both changed one file's bytes, and lines could not be merged
 * - `attributes`: both changed the mode, the owner or the group, differently
 * - `xattr`: both changed one extended attribute, differently
 * - `add/add`: both put something else at one path
 * - `delete/change`: one removed what the other changed
 * - `rename/rename`: both gave one inode another name or place
 * - `circle`: both moved directories, and together they would contain each other
 * - `displaced`: by the decisions on other conflicts an inode had no place left; it was kept in root under a name of its own
 */
export type FileConflictKind =
  | 'content'
  | 'attributes'
  | 'xattr'
  | 'add/add'
  | 'delete/change'
  | 'rename/rename'
  | 'circle'
  | 'displaced';

/** What a conflict is about, on one of its three sides. */
export interface ConflictVersion {
  /** One of its paths, as names from root down. */
  readonly path: readonly Uint8Array[] | undefined;
  readonly attributes: Attributes;
}

export interface FileConflict {
  readonly kind: FileConflictKind;
  /** Where it is: in the branch that is merged into, or where the other has it. */
  readonly path: readonly Uint8Array[];
  /** What is not there on a side is undefined. */
  readonly base: ConflictVersion | undefined;
  readonly ours: ConflictVersion | undefined;
  readonly theirs: ConflictVersion | undefined;
  /** The name of the extended attribute in question. */
  readonly xattr?: Uint8Array;
  /** Which side was taken; undefined if it is left to the caller, and nothing was merged. */
  readonly taken: Choice | undefined;
}

/** The branch that is merged into, or the one that is merged from. */
export type Choice = 'ours' | 'theirs';

/** `fail` leaves the conflict to the caller: the merge as a whole is not made. */
export type Strategy = Choice | 'fail';

/**
 * Merges three versions of a text. Undefined if they conflict, or if they are no text; where `favour` is given, conflicting lines are
 * taken from that side.
 */
export type TextMerge = (
  base: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
  favour?: Choice,
) => Uint8Array | undefined;

export interface MergeOptions {
  /** For every conflict, unless `resolve` is given. Default: `fail`. */
  readonly strategy?: Strategy;
  readonly resolve?: (conflict: FileConflict) => Strategy;
  /** Absent: no file is merged line by line. */
  readonly mergeText?: TextMerge;
  /** Longer files are not merged line by line. Default: 1 MiB. */
  readonly maxTextBytes?: number;
}

export interface FilesMerge {
  /** Inodes that the other branch had changed. */
  readonly inodes: number;
  readonly conflicts: readonly FileConflict[];
}
