/**
 * Node 24 for the second run of the tests: the package that npm's `node` brings for this platform, at the version that
 * package.json's `config.node24` names, kept in `.cache`. As a program, `node24.mjs ARGUMENTS...` runs Node 24 with these.
 * It is no devDependency: its `node` would come first in the PATH of every npm script.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, root, run } from './run.mjs';

const { node24: version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).config;

/**
 * Finds or installs it.
 * @returns {Promise<{ directory: string } | { missing: string }>} the directory that its `node` is in, or why there is none
 */
export async function findNode24() {
  const packageName = `node-${process.platform}-${process.arch}`;
  const home = path.join(root, '.cache', `node-${version}`);
  const directory = path.join(home, 'node_modules', packageName, 'bin');
  if (!existsSync(directory)) {
    mkdirSync(path.dirname(home), { recursive: true });
    const fresh = mkdtempSync(`${home}-`);
    // The platform's own package is asked for by name: the package `node` finds it by an install script, which may be forbidden.
    const args = [
      'install',
      '--prefix',
      fresh,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel=error',
    ];
    const code = await run(npm, [...args, `${packageName}@${version}`], { cwd: fresh, stdio: ['ignore', 2, 2] });
    try {
      if (code === 0) renameSync(fresh, home);
    } catch {
      // another process was faster; its copy is as good
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    if (!existsSync(directory)) return { missing: `npm could not install ${packageName}@${version}` };
  }
  // A package may be there and still not run here: it is built for another C library.
  const starts = await run(path.join(directory, 'node'), ['--version'], { stdio: 'ignore' });
  return starts === 0 ? { directory } : { missing: `the program of ${packageName}@${version} does not start here` };
}

/**
 * Runs Node 24; it is also the `node` that its child processes find.
 * @param {string} directory as {@link findNode24} returned it
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function runNode24(directory, args, env = process.env) {
  const PATH = `${directory}${path.delimiter}${env.PATH ?? ''}`;
  return run(path.join(directory, 'node'), args, { env: { ...env, PATH } });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await findNode24();
  if ('missing' in found) process.stderr.write(`Node 24: ${found.missing}\n`);
  process.exit('missing' in found ? 1 : await runNode24(found.directory, process.argv.slice(2)));
}
