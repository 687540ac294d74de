/**
 * Short words for tests of the files face's operations: paths instead of parents and names, whole files at once, and a check
 * at the end. Callers must not use them where a step, a fault or an error of one operation is what is tested.
 */
import { expect } from 'vitest';
import { type AttributeChanges, getAttributes, setAttributes } from '../../src/files/ops/attributes.ts';
import { read, write } from '../../src/files/ops/content.ts';
import { create, type NewInode } from '../../src/files/ops/create.ts';
import { lookup, pathsOf, readDirectory } from '../../src/files/ops/directory.ts';
import { punchHole } from '../../src/files/ops/holes.ts';
import { ROOT_INODE } from '../../src/files/ops/keys.ts';
import { type RenameOptions, rename } from '../../src/files/ops/rename.ts';
import { orphans, type Unlinked, unlink } from '../../src/files/ops/unlink.ts';
import { Verification } from '../../src/files/ops/verify.ts';
import { type BareView, bytesOf, textOf } from './bare-view.ts';

export interface Place {
  readonly parent: number;
  readonly name: Uint8Array;
}

/** Where a path's last name belongs; the way there must exist. */
export function placeOf(view: BareView, path: string): Place {
  const names = path.split('/').filter((name) => name !== '');
  let parent = ROOT_INODE;
  for (const name of names.slice(0, -1)) {
    parent = view.run(() => lookup(view, parent, bytesOf(name)));
    expect(parent, `the way to ${path}`).not.toBe(0);
  }
  return { parent, name: bytesOf(names.at(-1) ?? '') };
}

/** The inode of a path, or 0. */
export function find(view: BareView, path: string): number {
  if (path === '/') return ROOT_INODE;
  const { parent, name } = placeOf(view, path);
  return view.run(() => lookup(view, parent, name));
}

export function make(view: BareView, path: string, options: Partial<NewInode> = {}): number {
  const { parent, name } = placeOf(view, path);
  return view.run(() => create(view, parent, name, { type: 'file', mode: 0o644, uid: 10, gid: 20, ...options }));
}

export function makeDirectory(view: BareView, path: string, options: Partial<NewInode> = {}): number {
  return make(view, path, { type: 'directory', mode: 0o755, ...options });
}

export function writeAll(view: BareView, inode: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const at = offset + done;
    done += view.run(() => write(view, inode, at, rest));
  }
}

export function readAll(view: BareView, inode: number): Uint8Array {
  const { size } = view.run(() => getAttributes(view, inode));
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const at = done;
    const length = view.run(() => read(view, inode, at, bytes.subarray(at)));
    expect(length).toBeGreaterThan(0);
    done += length;
  }
  return bytes;
}

/** Sets attributes in as many steps as it takes, and returns how many these were. */
export function setAll(view: BareView, inode: number, changes: AttributeChanges): number {
  let steps = 1;
  while (!view.run(() => setAttributes(view, inode, changes))) {
    expectSound(view);
    steps++;
  }
  return steps;
}

export function punchAll(view: BareView, inode: number, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const start = at;
    at = view.run(() => punchHole(view, inode, start, to));
    expect(at).toBeGreaterThan(start);
    expectSound(view);
  }
}

export function unlinkPath(view: BareView, path: string, release = false): Unlinked {
  const { parent, name } = placeOf(view, path);
  return view.run(() => unlink(view, parent, name, { release }));
}

export function renamePath(view: BareView, from: string, to: string, options?: RenameOptions) {
  const [a, b] = [placeOf(view, from), placeOf(view, to)];
  return view.run(() => rename(view, a.parent, a.name, b.parent, b.name, options));
}

/** What a rename throws, by its code. */
export function renameCode(view: BareView, from: string, to: string, options?: RenameOptions): string | undefined {
  const [a, b] = [placeOf(view, from), placeOf(view, to)];
  return codeOf(view, () => rename(view, a.parent, a.name, b.parent, b.name, options));
}

/** Every path of an inode, without the slash at the beginning. */
export function pathsTo(view: BareView, inode: number): string[] {
  return view.run(() => pathsOf(view, inode)).map((chain) => chain.map(textOf).join('/'));
}

export const allOrphans = (view: BareView) => view.run(() => orphans(view, 0, 100));

export function namesIn(view: BareView, path: string): string[] {
  const inode = find(view, path);
  return view.run(() => readDirectory(view, inode, undefined, 1000)).map(({ name }) => textOf(name));
}

/** Equality of large arrays, which the test runner's own takes seconds for. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  expect({ length: actual.length, at, byte: actual[at] }).toEqual({
    length: expected.length,
    at: -1,
    byte: expected[at],
  });
  expect.unreachable('bytes differ');
}

/** Expects nothing wrong with the branch. */
export function expectSound(view: BareView): void {
  const verification = new Verification(view);
  while (!view.run(() => verification.step()));
  expect(verification.problems).toEqual([]);
}

/** What an operation throws, by its code; `undefined` if it throws nothing. */
export function codeOf(view: BareView, operation: () => unknown): string | undefined {
  try {
    view.run(operation);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Bytes that are not zero, the same for a seed. */
export const noise = (length: number, seed = 1) => {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = 1 + ((state >>> 16) % 255);
  }
  return bytes;
};
