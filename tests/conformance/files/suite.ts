/**
 * The bench on which every group of the conformance suite stands: one fresh target per case, the case run once per form.
 * Groups must not share state between cases, and must leave no descriptor open.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Calls, callsOf, type FormName, type FsLike, formNames, type Setup, type Target } from './target.ts';

/** What a case is given: the calls in one form, and the target's paths. */
export interface Bench {
  readonly calls: Calls;
  readonly form: FormName;
  readonly fs: FsLike;
  readonly root: string;
  readonly superuser: boolean;
  readonly strict: boolean;
  /** Absolute path of `name` under the root. */
  at(name: string): string;
}

/** Declares cases; `each` runs a case in every form, `once` a case that names its form itself. */
export interface Group {
  each(title: string, body: (bench: Bench) => Promise<void>): void;
  once(title: string, body: (bench: Bench) => Promise<void>): void;
}

export type GroupBody = (group: Group) => void;

function benchOf(target: Target, form: FormName): Bench {
  return {
    calls: callsOf(target.fs, form),
    form,
    fs: target.fs,
    root: target.root,
    superuser: target.superuser,
    strict: target.strict,
    at: (name) => `${target.root}/${name}`,
  };
}

export interface GroupOptions {
  readonly forms: readonly FormName[];
  readonly eachOnly: boolean;
}

/** Runs one group of cases against what `setup` makes, in the given forms. */
export function runGroup(title: string, setup: Setup, { forms, eachOnly }: GroupOptions, body: GroupBody): void {
  describe(title, () => {
    let target: Target | undefined;
    beforeEach(async () => {
      target = await setup();
    });
    afterEach(async () => {
      const done = target;
      target = undefined;
      await done?.cleanup();
    });
    body({
      each(name, run) {
        for (const form of forms) it(`${name} (${form})`, () => run(benchOf(target!, form)));
      },
      once(name, run) {
        if (!eachOnly) it(name, () => run(benchOf(target!, 'promises')));
      },
    });
  });
}

export const allForms = formNames;

/** What an error of `node:fs` shows. `undefined` fields are not compared; a list means any of its members. */
export interface Failure {
  readonly code: string | readonly string[];
  readonly syscall?: string | readonly string[];
  readonly path?: string;
  readonly dest?: string;
  readonly message?: string;
}

const linuxNumbers: Record<string, number> = {
  EBADF: -9,
  EBUSY: -16,
  EEXIST: -17,
  EINVAL: -22,
  EISDIR: -21,
  ELOOP: -40,
  ENAMETOOLONG: -36,
  ENOENT: -2,
  ENOTDIR: -20,
  ENOTEMPTY: -39,
  ENXIO: -6,
  EPERM: -1,
};

/** Waits for `action` to fail, and compares the error's fields with those that `node:fs` gives. */
export async function fails(action: Promise<unknown> | (() => unknown), failure: Failure): Promise<void> {
  let error: (NodeJS.ErrnoException & { dest?: string }) | undefined;
  try {
    await (typeof action === 'function' ? action() : action);
  } catch (caught) {
    error = caught as NodeJS.ErrnoException;
  }
  expect(error, `must fail with ${String(failure.code)}`).toBeInstanceOf(Error);
  expect([failure.code].flat()).toContain(error!.code);
  if (failure.syscall !== undefined) expect([failure.syscall].flat()).toContain(error!.syscall);
  if (failure.path !== undefined) expect(error!.path).toBe(failure.path);
  if (failure.dest !== undefined) expect(error!.dest).toBe(failure.dest);
  if (failure.message !== undefined) expect(error!.message).toBe(failure.message);
  const number = linuxNumbers[error!.code ?? ''];
  if (number !== undefined && error!.errno !== undefined) expect(error!.errno).toBe(number);
}

/** Bytes with a pattern that shows where they came from. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + seed * 101) & 0xff;
  return bytes;
}

/** Compares bytes without vitest's slow element-wise report for large arrays. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  const equal = Buffer.compare(actual, expected) === 0;
  if (equal) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  expect.fail(`bytes differ first at ${at}: ${actual[at]} instead of ${expected[at]}`);
}
