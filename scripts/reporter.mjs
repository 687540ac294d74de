/**
 * A vitest reporter that writes what `scripts/check.mjs` adds up: how many tests passed, which failed, which were skipped and why.
 * The reason of a skip is the note given to `context.skip(note)`, or `skipReason` of the test or a suite around it (`tests/needs.ts`).
 * It prints nothing, and does nothing unless BYRE_TEST_RESULTS names the file to write.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const MESSAGE_LENGTH = 1000;

/** @import { Reporter, TestCase, TestModule, TestResult, TestSuite } from 'vitest/node' */

/**
 * @typedef {{ name: string, reason: string }} Skip
 * @typedef {{ passed: number, failed: string[], skipped: Skip[] }} Results
 */

/**
 * @param {TestCase} test
 * @param {TestResult} result
 */
function reasonOf(test, result) {
  if (result.state === 'skipped' && result.note) return result.note;
  /** @type {TestCase | TestSuite | TestModule} */
  let task = test;
  for (; task.type !== 'module'; task = task.parent) {
    const { skipReason } = /** @type {{ skipReason?: string }} */ (task.meta());
    if (skipReason !== undefined) return skipReason;
  }
  return test.options.mode === 'todo' ? 'still to be written' : 'no reason given, or left out by a filter';
}

/**
 * What went wrong first, on one line, and where: this is all that a log of which only the end is kept says of it.
 * @param {TestModule} module
 * @param {TestResult} result
 */
function failureOf(module, result) {
  const error = result.errors?.[0];
  if (error === undefined) return ' (it did not end)';
  const place = error.stacks?.find(({ file }) => file === module.moduleId) ?? error.stacks?.[0];
  const where = place ? ` (${path.relative('', place.file)}:${place.line})` : '';
  const message = error.message.trim().replaceAll(/\s*\n\s*/g, ' | ');
  return `: ${message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH)}…` : message}${where}`;
}

/** @param {TestModule} module */
function hasFailedTest(module) {
  return [...module.children.allTests('failed')].length > 0;
}

/** @implements {Reporter} */
export default class ResultsReporter {
  /**
   * @param {ReadonlyArray<TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.BYRE_TEST_RESULTS;
    if (!file) return;
    /** @type {Results} */
    const results = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) {
      const prefix = `${module.relativeModuleId} > `;
      for (const test of module.children.allTests()) {
        const result = test.result();
        const name = prefix + test.fullName;
        if (result.state === 'passed') results.passed++;
        else if (result.state === 'skipped') results.skipped.push({ name, reason: reasonOf(test, result) });
        else results.failed.push(name + failureOf(module, result)); // also one that never came to an end
      }
      // A file that cannot be loaded, or a hook that throws, fails without any test of its own.
      if (!module.ok() && !hasFailedTest(module)) results.failed.push(`${module.relativeModuleId} (outside its tests)`);
    }
    for (const error of unhandledErrors) {
      results.failed.push(`unhandled error: ${/** @type {{ message?: string }} */ (error)?.message ?? error}`);
    }
    writeFileSync(file, JSON.stringify(results));
  }
}
