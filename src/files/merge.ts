/**
 * The files' part in a merge of branches: names, links, directories and texts come together as files do, not key by key.
 * Callers must pass it among the faces' parts of a merge; what is decided here must not call into the pool.
 */
import { diff } from '../core/diff.ts';
import { type KeyConflict, takeCell } from '../core/merge.ts';
import type { Root, Store } from '../core/store.ts';
import { get } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import type { MergedState, ResolvedConflict, Settle } from '../pool/merge.ts';
import { now } from './clock.ts';
import { type Job, perform } from './ops/job.ts';
import { FILES_FACE, recordKey } from './ops/keys.ts';
import type { FileConflict, Strategy } from './ops/merge/conflict.ts';
import { mergeFiles } from './ops/merge/merge.ts';
import type { View } from './ops/view.ts';
import { mergeText } from './text.ts';

export interface FilesMergeOptions {
  /** What becomes of conflicts between files: one rule, or a function that is asked about each. Default: `fail`. */
  readonly files?: Strategy | ((conflict: FileConflict) => Strategy);
  /** Longer files are not merged line by line. Default: 1 MiB. */
  readonly maxTextBytes?: number;
}

/** A conflict of files in the report of a merge; its key is that of the inode's record. */
export interface FileKeyConflict extends ResolvedConflict {
  readonly file: FileConflict;
}

/** Tells the conflicts of files in a report from the others. */
export function isFileConflict(conflict: KeyConflict): conflict is FileKeyConflict {
  return 'file' in conflict;
}

const start = new Uint8Array([FILES_FACE]);
const end = new Uint8Array([FILES_FACE + 1]);

/** Merges files where both branches changed any; where one did, its keys are right as they are. */
export function settleFiles({ files = 'fail', maxTextBytes }: FilesMergeOptions = {}): Settle {
  return function* settle(merged: MergedState): Job<readonly ResolvedConflict[]> {
    const others = merged.conflicts.filter(({ key }) => key[0] !== FILES_FACE);
    const { store, base, ours, theirs, work } = merged;
    if (!(yield* differ(store, base, ours)) || !(yield* differ(store, base, theirs))) return others;
    yield* restore(store, work, ours);
    const tree = (root: Root) => ({ store, root });
    const options = {
      mergeText,
      ...(typeof files === 'function' ? { resolve: files } : { strategy: files }),
      ...(maxTextBytes === undefined ? {} : { maxTextBytes }),
    };
    const trees = { base: tree(base), ours: tree(ours), theirs: tree(theirs), work: viewOf(store, work) };
    const { conflicts } = yield* mergeFiles(trees, options);
    const reported: ResolvedConflict[] = [];
    for (const conflict of conflicts) reported.push(yield* asKeyConflict(merged, conflict));
    return [...others, ...reported];
  } as Settle;
}

/** A tree that is merged into. A merge makes no inodes: those of the other branch keep their numbers. */
function viewOf(store: Store, root: Root): View {
  const nextInode = () => {
    throw new ByreError('INTERNAL', 'a merge asks for a new inode');
  };
  return { store, root, readOnly: false, now, nextInode };
}

/** Whether any key of this face differs. */
function* differ(store: Store, a: Root, b: Root): Job<boolean> {
  let from: Uint8Array | undefined = start;
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { any, next } = yield* perform(() => {
      let any = false;
      const next = diff(store, a, b, { from: at, to: end }, () => {
        any = true;
      });
      return { any, next };
    });
    if (any) return true;
    from = next;
  }
  return false;
}

/** Takes back what the merge of keys has done to this face. */
function* restore(store: Store, work: Root, ours: Root): Job<void> {
  let from: Uint8Array | undefined = start;
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { found, next } = yield* perform(() => {
      const found: { key: Uint8Array; present: boolean }[] = [];
      const next = diff(store, work, ours, { from: at, to: end }, (key, _merged, own) => {
        found.push({ key: key.slice(), present: own !== undefined });
      });
      return { found, next };
    });
    for (const { key, present } of found) yield* perform(() => takeCell(store, work, ours, key, present));
    from = next;
  }
}

function* asKeyConflict({ store, base, ours, theirs }: MergedState, file: FileConflict): Job<FileKeyConflict> {
  const { inode } = (file.ours ?? file.theirs ?? file.base)!.attributes;
  const key = recordKey(inode);
  return yield* perform(() => {
    const side = (root: Root) => {
      const value = get(store, root, key);
      return value && ({ kind: 'inline', value } as const);
    };
    const resolution = file.taken ?? 'conflict';
    return { key, base: side(base), ours: side(ours), theirs: side(theirs), resolution, file };
  });
}
