/**
 * Checks the package as others will get it: packs a clean build, has publint and attw look at the tarball, installs it in an empty
 * project, imports every entry, compiles against its types, and runs its program. `dist` of the checkout is neither used nor changed.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build } from './build.mjs';
import { compiler, npm, root, run } from './run.mjs';

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

/** The entries that can be imported: `byre`, `byre/files`, ... */
const entries = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => path.posix.join(manifest.name, entry));

/**
 * @param {boolean} condition
 * @param {string} problem
 */
function expect(condition, problem) {
  if (!condition) throw new Error(problem);
}

/**
 * Builds and packs, in a directory of its own.
 * @param {string} work
 * @returns {Promise<string>} the tarball
 */
async function pack(work) {
  const stage = path.join(work, 'stage');
  mkdirSync(stage);
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    expect(existsSync(path.join(root, name)), `${name} is missing`);
    cpSync(path.join(root, name), path.join(stage, name));
  }
  expect(await build(path.join(stage, 'dist'), { types: true }), 'the build fails');
  const code = await run(npm, ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', work], {
    cwd: stage,
  });
  expect(code === 0, 'npm pack fails');
  const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'));
  return path.join(work, tarball ?? expect(false, 'npm pack made no tarball') ?? '');
}

/** @param {Uint8Array} bytes the tarball */
async function lintTarball(bytes) {
  const tarball = /** @type {ArrayBuffer} */ (bytes.slice().buffer);
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  const problems = messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);

  const result = await checkPackage(createPackageFromTarballData(bytes));
  expect(result.types !== false, 'attw: the package has no types');
  for (const problem of 'problems' in result ? result.problems : []) {
    // The package is for ESM only: that `require` finds nothing, or ESM, and that Node 10 finds nothing, is as it should be.
    const resolution = 'resolutionKind' in problem ? problem.resolutionKind : undefined;
    if (resolution === 'node10' || resolution === 'node16-cjs') continue;
    problems.push(`attw: ${JSON.stringify(problem)}`);
  }
  expect(problems.length === 0, problems.join('\n'));
}

/**
 * An empty project that depends on the tarball.
 * @param {string} work
 * @param {string} tarball
 */
async function installTarball(work, tarball) {
  const project = path.join(work, 'a project'); // a space, as paths have them
  mkdirSync(project);
  writeFileSync(path.join(project, 'package.json'), '{ "private": true, "type": "module" }');
  // Optional peers too: an entry such as `byre/level` is for those who have them.
  const peers = Object.entries(manifest.peerDependencies ?? {}).map(([name, range]) => `${name}@${range}`);
  const quiet = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const args = ['install', ...quiet, tarball, ...peers];
  expect((await run(npm, args, { cwd: project })) === 0, 'the tarball cannot be installed');
  return project;
}

/**
 * Imports each entry as a program does and as a type-checked one does.
 * @param {string} project
 */
async function importEntries(project) {
  const lines = entries.map((entry, i) => `import * as entry${i} from '${entry}';\nvoid entry${i};`);
  writeFileSync(path.join(project, 'smoke.mts'), `${lines.join('\n')}\nexport {};\n`);
  writeFileSync(path.join(project, 'smoke.mjs'), `${lines.join('\n')}\n`);
  expect((await run(process.execPath, ['smoke.mjs'], { cwd: project })) === 0, 'an entry cannot be imported');

  symlinkSync(path.join(root, 'node_modules', '@types'), path.join(project, 'node_modules', '@types'), 'junction');
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
    ];
    const args = [compiler, ...options, '--module', module, '--moduleResolution', resolution, 'smoke.mts'];
    expect((await run(process.execPath, args, { cwd: project })) === 0, `the types do not compile (${resolution})`);
  }
}

/** @param {string} project */
async function runProgram(project) {
  const program = path.join(project, 'node_modules', '.bin', manifest.name);
  expect(
    (await run(program, ['--help'], { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })) === 0,
    'byre --help fails',
  );
}

const work = mkdtempSync(path.join(tmpdir(), 'byre-package-'));
try {
  const tarball = await pack(work);
  await lintTarball(readFileSync(tarball));
  const project = await installTarball(work, tarball);
  await importEntries(project);
  await runProgram(project);
  console.log(`the package is fit: ${entries.join(', ')} and the program`);
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
