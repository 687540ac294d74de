/**
 * Makes a checkout ready: `setup.mjs install` gets the dependencies that package-lock.json names, `setup.mjs build` does that and
 * then compiles `dist`. Either does nothing where nothing is to be done, and says what it does on stderr only.
 * This file and those it imports must not import a dependency: there may be none yet.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import { withLock } from './lock.mjs';
import { npm, root, run } from './run.mjs';

const dist = path.join(root, 'dist');
const cache = path.join(root, '.cache');

/** Newer than every source that `dist` was made from; `./byre` looks at nothing else. */
const stamp = '.stamp';

/** Children's output goes to stderr: stdout belongs to the command that is run after the set-up. */
/** @type {import('node:child_process').StdioOptions} */
const toStderr = ['ignore', 2, 2];

/** @param {string} text */
function say(text) {
  process.stderr.write(`byre: ${text}\n`);
}

/**
 * @param {string} text
 * @returns {never}
 */
function fail(text) {
  say(text);
  process.exit(1);
}

/**
 * @param {string} file
 * @returns {Record<string, { version: string, integrity?: string, optional?: boolean }>}
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages;
  } catch {
    return {}; // absent, or left half written by an npm that was killed: nothing is installed
  }
}

/**
 * Whether node_modules holds what package-lock.json names. npm keeps a list of its own there; times of change would say too often
 * that it is stale, and others may be at work with what is there.
 */
function isInstalled() {
  const present = lockedPackages('node_modules/.package-lock.json');
  return Object.entries(lockedPackages('package-lock.json')).every(([name, wanted]) => {
    if (name === '') return true; // the project itself
    const there = present[name];
    if (there === undefined) return wanted.optional === true; // made for another platform
    return there.version === wanted.version && there.integrity === wanted.integrity;
  });
}

/** The compiler is a program made for each platform, in a package that only this platform needs. */
function hasCompiler() {
  return existsSync(path.join(root, 'node_modules', '@typescript', `typescript-${process.platform}-${process.arch}`));
}

async function install() {
  if (isInstalled() && hasCompiler()) return;
  say('installing dependencies ...');
  // Not `npm ci`: it refuses a lock file without the packages of platforms that the writer's registry did not have. No dependency
  // needs its install scripts, and a production environment must not leave out the compiler.
  const args = [
    'install',
    '--no-save',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  let code = await run(npm, args, { stdio: toStderr });
  if (code === 0 && !hasCompiler()) {
    // npm 10 and earlier install nothing for a platform that the lock file was not written on (npm/cli#4828).
    say('once more, with npm 11 ...');
    code = await run(npm, ['exec', '--yes', 'npm@11', '--', ...args], { stdio: toStderr });
  }
  if (code !== 0) fail('npm install failed; see above');
  if (!hasCompiler()) fail(`TypeScript has no package for ${process.platform}-${process.arch}`);
  if (!isInstalled()) fail('npm install ended well, but node_modules is not what package-lock.json says');
}

/**
 * The sources that go into `dist`, and what else decides how it looks.
 * @returns {string[]}
 */
function sources() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const directory of ['src', 'apps']) {
    for (const name of readdirSync(path.join(root, directory), { encoding: 'utf8', recursive: true })) {
      if (name.endsWith('.ts') && !name.endsWith('.test.ts')) files.push(path.join(directory, name));
    }
  }
  return files;
}

function isBuilt() {
  const built = statSync(path.join(dist, stamp), { throwIfNoEntry: false });
  return built !== undefined && sources().every((file) => statSync(path.join(root, file)).mtimeMs <= built.mtimeMs);
}

/**
 * Replaces `dist` file by file, each by one rename: a program that runs meanwhile finds an old or a new file, never none or half
 * of one. Files that have no source any more stay; nothing imports them.
 */
async function buildDist() {
  if (isBuilt()) return;
  say('compiling ...');
  const fresh = path.join(cache, 'dist');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  // Written before the sources are read: a source that changes during the build is newer than it.
  writeFileSync(path.join(fresh, stamp), '');
  if (!(await build(fresh, { types: false, stdio: toStderr }))) fail('the compiler failed; see above');
  const names = readdirSync(fresh, { encoding: 'utf8', recursive: true }).filter((name) => name !== stamp);
  for (const name of names) {
    const from = path.join(fresh, name);
    if (statSync(from).isDirectory()) mkdirSync(path.join(dist, name), { recursive: true });
    else renameSync(from, path.join(dist, name));
  }
  renameSync(path.join(fresh, stamp), path.join(dist, stamp)); // last: it says that all the others are there
}

const task = process.argv[2];
if (task !== 'install' && task !== 'build') fail('usage: setup.mjs install | build');
if (Number.parseInt(process.versions.node, 10) < 20) fail(`Node 20 or later is needed; this is ${process.version}`);
await withLock(
  path.join(cache, 'setup.lock'),
  async () => {
    await install();
    if (task === 'build') await buildDist();
  },
  () => say('waiting for another set-up of this checkout ...'),
);
