/**
 * How the tests run. Tests lie beside their source (`src`, `apps`), those of the whole in `tests` (`test` is the command).
 * Callers must not rely on more than two test files running at a time, nor on their order.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'apps/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['tests/verifying.ts'],
    // Processes, not threads: tests kill, lock, change directory and set umasks.
    pool: 'forks',
    maxWorkers: 2,
    // Generous: a busy machine is no failure, and a test that hangs ends all the same.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A forgotten `.only` must fail everywhere, not only where CI is set.
    allowOnly: false,
  },
});
