/**
 * What a test needs that not every machine has, and what only the long run does. A test that cannot run says why, in the list at the
 * end of `./test`; callers must not use `skip` or `skipIf` of vitest, which know no reason.
 */
import type { TestOptions } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Printed beside the name of a skipped test. */
    skipReason?: string;
  }
}

/** Options for `test` or `describe`: run if `there`, or else be skipped for `reason`, as in `'needs /dev/fuse'`. */
export function needs(there: boolean, reason: string): TestOptions {
  return there ? {} : { skip: true, meta: { skipReason: reason } };
}

/** True in runs that leave out the long simulations, such as the second one, under Node 24. */
export const isShortRun = process.env.BYRE_SHORT === '1';

/** Options for a test of minutes. */
export const longTest: TestOptions = needs(!isShortRun, 'left out of a short run (BYRE_SHORT=1)');
