/**
 * Installs what the benchmarks measure beside, compiles byre, and runs them one after another: `npm run bench`, or
 * `npm run bench -- keys forks --small` for some of them and with their options. Nothing else should run on the machine meanwhile.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { npm, root, run } from '../scripts/run.mjs';

const here = path.join(root, 'bench');
const all = ['keys', 'tables', 'forks', 'files', 'import', 'try'];

function hasPeers() {
  const { dependencies } = JSON.parse(readFileSync(path.join(here, 'package.json'), 'utf8'));
  return Object.keys(dependencies).every((name) => existsSync(path.join(here, 'node_modules', name)));
}

const given = process.argv.slice(2);
const options = given.filter((argument) => argument.startsWith('--'));
const named = given.filter((argument) => !argument.startsWith('--'));
const unknown = named.find((name) => !all.includes(name));
if (unknown !== undefined) {
  console.error(`there is no benchmark '${unknown}': there are ${all.join(', ')}`);
  process.exit(2);
}
if (!hasPeers()) {
  const code = await run(npm, ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: here });
  if (code !== 0) console.error('not all peers could be installed: they are left out');
}
if ((await run(process.execPath, [path.join(root, 'scripts', 'setup.mjs'), 'build'])) !== 0) process.exit(1);
let failed = 0;
for (const name of named.length > 0 ? named : all) {
  failed += (await run(process.execPath, ['--expose-gc', path.join(here, `${name}.mjs`), ...options])) === 0 ? 0 : 1;
}
process.exit(failed);
