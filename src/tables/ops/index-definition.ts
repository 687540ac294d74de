/**
 * What an index is declared as, and which entries a row has in it. Definitions are data, not functions: they are stored with the
 * table, so that forks, merges and checks keep an index right without the program that made it.
 * Callers must pass values as the table's codec returns them.
 */
import { ByreError } from '../../errors.ts';
import { checkName } from './layout.ts';
import type { Key } from './tuple.ts';

export interface IndexOptions {
  /** The path of the indexed field, its steps joined by dots, or several paths for an index over several fields. */
  readonly on: string | readonly string[];
  /** No two rows may have the same entry. */
  readonly unique?: boolean;
  /** The field (the last one, of several) is a list: each of its elements is an entry. */
  readonly multi?: boolean;
}

export interface IndexDefinition {
  readonly name: string;
  readonly on: readonly string[];
  readonly unique: boolean;
  readonly multi: boolean;
}

const known = new Set(['on', 'unique', 'multi']);

export function resolveIndex(name: string, options: IndexOptions): IndexDefinition {
  checkName(name, 'index');
  const bad = (why: string) => new ByreError('BAD_ARGUMENT', `Index ${name}: ${why}`, { details: { index: name } });
  for (const option in options) if (!known.has(option)) throw bad(`there is no option ${option}`);
  const on = typeof options.on === 'string' ? [options.on] : options.on;
  if (!Array.isArray(on) || on.length === 0 || !on.every((path) => typeof path === 'string' && path !== '')) {
    throw bad('`on` is a path or a list of paths');
  }
  return { name, on: [...on], unique: options.unique === true, multi: options.multi === true };
}

export function sameIndex(a: IndexDefinition, b: IndexDefinition): boolean {
  return a.unique === b.unique && a.multi === b.multi && String(a.on) === String(b.on) && a.on.length === b.on.length;
}

/** The entries of a row, each a list of as many keys as the index has fields. A row that lacks a field has none. */
export function entriesOf(index: IndexDefinition, value: unknown): Key[][] {
  const fields: Key[] = [];
  const last = index.on.length - 1;
  for (let i = 0; i <= last; i++) {
    const field = follow(value, index.on[i]);
    if (field === undefined) return [];
    if (i === last && index.multi) {
      const elements: readonly unknown[] = Array.isArray(field) ? field : [field];
      return elements.filter((element) => element !== undefined).map((element) => [...fields, asKey(index, element)]);
    }
    fields.push(asKey(index, field));
  }
  return [fields];
}

function follow(value: unknown, path: string): unknown {
  let at = value;
  for (const step of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

function asKey(index: IndexDefinition, value: unknown): Key {
  const isObject = typeof value === 'object' && value !== null;
  if (!isObject || Array.isArray(value) || value instanceof Date || value instanceof Uint8Array) return value as Key;
  throw new ByreError('BAD_KEY', `Index ${index.name}: an object cannot be indexed`, {
    details: { index: index.name },
  });
}
