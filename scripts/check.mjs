/**
 * Says whether the checkout is fit to be committed: types, lint and format, tests, the package. `npm run check` runs it as it is;
 * `./test` adds `--node24`. Any further argument is handed to vitest as a filter or option, and then only the tests run.
 * It ends with a line `N passed, N failed` or `N passed, N failed, N skipped`, in which each step that is no test run counts as one.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findNode24, runNode24 } from './node24.mjs';
import { compiler, root, run } from './run.mjs';

const vitest = path.join('node_modules', 'vitest', 'vitest.mjs');

/** @type {import('./reporter.mjs').Results} */
const total = { passed: 0, failed: [], skipped: [] };

/** @param {string} text */
function title(text) {
  console.log(`\n== ${text}`);
}

/**
 * One step that passes or fails as a whole.
 * @param {string} name
 * @param {readonly string[]} args Node's
 */
async function step(name, args) {
  title(name);
  if ((await run(process.execPath, args)) === 0) total.passed++;
  else total.failed.push(name);
}

/**
 * The test suite under one Node.
 * @param {string} name
 * @param {readonly string[]} filters
 * @param {(args: string[], env: NodeJS.ProcessEnv) => Promise<number>} runNode
 */
async function suite(name, filters, runNode) {
  title(name);
  const file = path.join(root, '.cache', `results-${process.pid}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  const args = [vitest, 'run', '--reporter=default', '--reporter=./scripts/reporter.mjs', ...filters];
  const code = await runNode(args, { ...process.env, BYRE_TEST_RESULTS: file });
  if (existsSync(file)) {
    /** @type {import('./reporter.mjs').Results} */
    const results = JSON.parse(readFileSync(file, 'utf8'));
    rmSync(file);
    total.passed += results.passed;
    total.failed.push(...results.failed.map((test) => `${name}: ${test}`));
    total.skipped.push(...results.skipped.map((skip) => ({ ...skip, name: `${name}: ${skip.name}` })));
    if (code === 0 || results.failed.length > 0) return;
  }
  if (code !== 0) total.failed.push(`${name}: vitest ended with exit code ${code}`);
}

/**
 * The suite once more under Node 24, without the long simulations: they prove the algorithm, which is the same.
 * @param {readonly string[]} filters
 */
async function suiteUnderNode24(filters) {
  const name = 'tests under Node 24';
  const found = process.versions.node.startsWith('24.')
    ? { missing: 'the tests above ran under Node 24' }
    : await findNode24();
  if ('missing' in found) total.skipped.push({ name, reason: found.missing });
  else await suite(name, filters, (args, env) => runNode24(found.directory, args, { ...env, BYRE_SHORT: '1' }));
}

function report() {
  console.log();
  for (const { name, reason } of total.skipped) console.log(`skipped: ${name} (${reason})`);
  for (const name of total.failed) console.log(`failed: ${name}`);
  const skipped = total.skipped.length > 0 ? `, ${total.skipped.length} skipped` : '';
  console.log(`${total.passed} passed, ${total.failed.length} failed${skipped}`);
  process.exitCode = total.failed.length > 0 ? 1 : 0;
}

const node24 = process.argv.includes('--node24');
const filters = process.argv.slice(2).filter((argument) => argument !== '--node24');
const everything = filters.length === 0;

if (everything) {
  await step('types', [compiler, '--noEmit']);
  await step('lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']);
}
await suite(`tests under Node ${Number.parseInt(process.versions.node, 10)}`, filters, (args, env) =>
  run(process.execPath, args, { env }),
);
if (everything) await step('package', ['scripts/check-package.mjs']);
if (everything && node24) await suiteUnderNode24(filters);
report();
