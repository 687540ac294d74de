/**
 * Conflicts of a merge, for people and as JSON.
 * JSON must lack nothing that a program needs to settle one: kinds, paths of all three sides, inodes, sizes, keys of rows.
 */
import type { ConflictVersion, FileConflict } from '../../src/files/ops/merge/conflict.ts';
import type { ShownKey } from '../../src/tables/index.ts';
import { line, toJson } from './rows.ts';
import { joinNames, jsonAttributes, jsonName, shown } from './shown.ts';

export type Conflict = { readonly file: FileConflict } | { readonly key: ShownKey };

const words: Readonly<Record<FileConflict['kind'], string>> = {
  content: 'both changed its content',
  attributes: 'both changed its mode or owner',
  xattr: 'both changed an extended attribute',
  'add/add': 'both put something else there',
  'delete/change': 'one removed what the other changed',
  'rename/rename': 'both renamed it, differently',
  circle: 'together the two moves would put directories into each other',
  displaced: 'there was no place left for it: it is in the root',
};

function keyText(key: ShownKey): string {
  if ('bytes' in key) return `key ${Buffer.from(key.bytes).toString('hex')}: both changed it`;
  const table = `table ${shown(key.table)}`;
  if (key.part === 'row') return `${table}: ${line(key.key).trimEnd()}: both changed the row`;
  if (key.part === 'index') return `${table}: index ${shown(key.index)}: two rows claim ${line(key.entry).trimEnd()}`;
  return `${table}: both changed what it is`;
}

/** One conflict on one line; one that was settled says by whose side. */
export function showConflict(conflict: Conflict): string {
  if ('key' in conflict) return `! ${keyText(conflict.key)}`;
  const { kind, path, xattr, taken, theirs } = conflict.file;
  const elsewhere = theirs?.path === undefined ? '' : shown(joinNames(theirs.path));
  const here = shown(joinNames(path));
  const also = elsewhere === '' || elsewhere === here ? '' : ` (theirs: ${elsewhere})`;
  const name = xattr === undefined ? '' : ` ${shown(xattr)}`;
  return `! ${here}${also}: ${words[kind]}${name}${taken === undefined ? '' : `; ${taken} was taken`}`;
}

function version(side: ConflictVersion | undefined): object | null {
  if (side === undefined) return null;
  return {
    ...(side.path === undefined ? {} : jsonName('path', joinNames(side.path))),
    ...jsonAttributes(side.attributes),
  };
}

function keyAsJson(key: ShownKey): object {
  if ('bytes' in key) return { kind: 'key', keyHex: Buffer.from(key.bytes).toString('hex') };
  if (key.part === 'row') return { kind: 'row', table: key.table, key: toJson(key.key) };
  if (key.part === 'index') return { kind: 'index', table: key.table, index: key.index, entry: toJson(key.entry) };
  return { kind: 'table', table: key.table };
}

export function conflictAsJson(conflict: Conflict): object {
  if ('key' in conflict) return keyAsJson(conflict.key);
  const { kind, path, base, ours, theirs, xattr, taken } = conflict.file;
  return {
    kind,
    ...jsonName('path', joinNames(path)),
    ...(xattr === undefined ? {} : jsonName('xattr', xattr)),
    base: version(base),
    ours: version(ours),
    theirs: version(theirs),
    taken: taken ?? null,
  };
}
