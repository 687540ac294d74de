/**
 * Two forks of a base and their merge, for tests of merging files by their operations.
 * Test files must call `useBranches` once; the others speak of the present test's branches, of which the forks are there once `fork` was
 * called.
 */
import { beforeEach, expect } from 'vitest';
import { finishJob } from '../../src/files/ops/job.ts';
import type { FileConflict, MergeOptions } from '../../src/files/ops/merge/conflict.ts';
import { mergeFiles } from '../../src/files/ops/merge/merge.ts';
import { mergeText } from '../../src/files/text.ts';
import { type BareView, bareView } from './bare-view.ts';
import { pathText, seen } from './edits.ts';
import { expectSound } from './tree.ts';

export let base: BareView;
export let ours: BareView;
export let theirs: BareView;

/** Makes a base before each test of the file that calls this. */
export function useBranches(): void {
  beforeEach(() => {
    base = bareView({ faultRate: 0.01, seed: 5 });
  });
}

/** Takes other branches for these. */
export function take(branches: { base?: BareView; ours?: BareView; theirs?: BareView }): void {
  const now = { base, ours, theirs, ...branches };
  ({ base, ours, theirs } = now);
}

/** Begins the two forks; what is done before is the base. */
export function fork(): void {
  ours = base.fork();
  theirs = base.fork();
  base.tick();
}

const brief = ({ kind, path, taken }: FileConflict) => `${kind} ${pathText(path)}${taken ? ` (${taken})` : ''}`;

export function merge(options: MergeOptions = {}): { work: BareView; conflicts: string[]; inodes: number } {
  const work = ours.fork();
  const run = <T>(operation: () => T) => work.run(operation);
  const { conflicts, inodes } = finishJob(run, mergeFiles({ base, ours, theirs, work }, { mergeText, ...options }));
  expectSound(work);
  expect([...seen(work).keys()].filter((path) => path.includes('.byre-merge'))).toEqual([]);
  return { work, conflicts: conflicts.map(brief), inodes };
}
